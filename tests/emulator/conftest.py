"""Registry clients, each with one credential; calls without a socket; the server as a program."""

import asyncio
import base64
import json
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from support.backing_services import find_services
from support.registry_client import RegistryClient
from support.servers.emulators import ServerProgram

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


@pytest.fixture
def make_server():
    """Creates servers by data directory and further arguments of `serve`; kills them after the test."""
    made = []

    def make(data, *arguments):
        made.append(ServerProgram(data, *find_services(data).arguments, *arguments))
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
