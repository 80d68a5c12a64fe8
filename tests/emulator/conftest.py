"""Registry clients, each with one credential; calls without a socket; the server as a program."""

import asyncio
import base64
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.cli.main import main
from docker_credential_gcr.pytest_plugin import GcrEmulator


@pytest.fixture
def connect(gcr_emulator):
    """Creates a client: with a role, without one (None), or without a credential (`auth=None`)."""

    def make(role="roles/editor", *, account="ci", project="my-project"):
        key = gcr_emulator.key(role, project=project, account=account)
        return RegistryClient(gcr_emulator.url, ("_json_key", key.read_text()))

    return make


@pytest.fixture
def editor(connect):
    return connect("roles/editor", account="editor")


@pytest.fixture
def viewer(connect):
    return connect("roles/viewer", account="viewer")


@pytest.fixture
def stranger(connect):
    return connect(None, account="stranger")


@pytest.fixture
def anonymous(gcr_emulator):
    gcr_emulator.project()
    return RegistryClient(gcr_emulator.url, None)


@pytest.fixture(scope="session")
def editor_of(tmp_path_factory):
    """Creates a client with the rights of an editor at any emulator, by its URL."""
    folder = tmp_path_factory.mktemp("keys")

    def make(url, account="editor"):
        with requests.Session() as session:
            key = GcrEmulator(session, url, "", folder).key("roles/editor", account=account)
        return RegistryClient(url, ("_json_key_base64", base64.b64encode(key.read_bytes()).decode()))

    return make


class ServerProgram:
    """The emulator as a program on one data directory; every start is on a new port."""

    WAIT_S = 60

    def __init__(self, data, *arguments):
        program = Path(sys.executable).with_name("gcr-emulator")
        self.data = data
        self._command = [program, "serve", "--port", "0", "--data", data, *arguments]
        self._log = data.with_name(f"{data.name}.stderr")
        self._process = None
        self.ready = {}

    def start(self, **environ):
        """Starts the server; returns whether it became ready, False for a crash of GCR_EMULATOR_CRASH_AT."""
        # A separate session, so that one signal reaches all its processes at once.
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **environ},
                start_new_session=True,
            )
        readable, _, _ = select.select([self._process.stdout], [], [], self.WAIT_S)
        assert readable, f"the server says nothing for {self.WAIT_S} s"
        line = self._process.stdout.readline()
        self.ready = json.loads(line) if line else {}
        return bool(line)

    def kill(self):
        """Kills all its processes at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self.await_end()

    def terminate(self):
        """Sends SIGTERM, as a service manager does."""
        self._process.terminate()

    def await_end(self):
        """Waits until the server has ended; returns its exit status and stderr."""
        process, self._process = self._process, None
        process.communicate(timeout=self.WAIT_S)
        return process.returncode, self._log.read_text()


@pytest.fixture
def make_server():
    """Creates servers by data directory and further arguments of `serve`; kills them after the test."""
    made = []

    def make(data, *arguments):
        made.append(ServerProgram(data, *arguments))
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a gcr-emulator command in this process; returns exit code, stdout, stderr."""
    for name in [name for name in os.environ if name.startswith("GCR_EMULATOR_")]:
        monkeypatch.delenv(name)

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@dataclass
class Reply:
    """A response; JSON is parsed, any other body is bytes."""

    status: int
    body: Any
    headers: dict[str, str]


def call_app(
    app: Any,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    host: str = "localhost:5000",
    peer: str = "127.0.0.1",
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run,
) -> Reply:
    """Returns the response to one request; `run` may continue tasks that the app leaves."""
    path, _, query = path.partition("?")
    lines = {"host": host, **(headers or {})}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in lines.items()],
        "client": (peer, 1),
        "server": ("127.0.0.1", 5000),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def collect(message: dict[str, Any]) -> None:
        sent.append(message)

    run(app(scope, receive, collect))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    answered = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    is_json = answered.get("content-type") == "application/json"
    return Reply(sent[0]["status"], json.loads(content) if is_json else content, answered)


@pytest.fixture(scope="session", name="call_app")
def _call_app():
    """Returns `call_app`, which calls an application as an ASGI server does."""
    return call_app
