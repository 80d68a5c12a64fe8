"""Clients of the registry, each with one credential; calls without a socket; the server as a program."""

import asyncio
import base64
import contextlib
import hashlib
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

from docker_credential_gcr.emulator.cli.main import main
from docker_credential_gcr.pytest_plugin import GcrEmulator

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class RegistryClient:
    """A client that gets a token for all it does, as docker does; `auth` is (user, password) or None."""

    digest_of = staticmethod(digest_of)

    def __init__(self, url, auth):
        self.url = url
        self.auth = auth
        self.session = requests.Session()
        self.session.trust_env = False

    def ask_token(self, *scopes, host=None):
        """The token endpoint's answer."""
        headers = {"Host": host} if host else {}
        params = [("scope", scope) for scope in scopes]
        return self.session.get(
            f"{self.url}/v2/token", params=params, auth=self.auth, headers=headers, timeout=30
        )

    def token(self, *scopes):
        answer = self.ask_token(*scopes)
        assert answer.status_code == 200, answer.text
        return answer.json()["token"]

    def call(self, method, path, *, token, **options):
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        return self.session.request(
            method, f"{self.url}{path}", headers=headers, timeout=30, allow_redirects=False, **options
        )

    def push_blob(self, repository, data, media_type="application/octet-stream"):
        """Push as docker does: POST, PATCH, PUT; the blob's descriptor."""
        token = self.token(f"repository:{repository}:pull,push")
        started = self.call("POST", f"/v2/{repository}/blobs/uploads/", token=token)
        assert started.status_code == 202, started.text
        sent = self.call("PATCH", started.headers["Location"], token=token, data=data)
        assert sent.status_code == 202, sent.text
        url = f"{sent.headers['Location']}?digest={digest_of(data)}"
        ended = self.call("PUT", url, token=token)
        assert ended.status_code == 201, ended.text
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    def put_manifest(self, repository, reference, document, media_type=OCI_MANIFEST):
        """Push a manifest; the answer. `document` is bytes, or what JSON is made from."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.call(
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            token=self.token(f"repository:{repository}:pull,push"),
            data=data,
            headers={"Content-Type": media_type},
        )

    def push_image(self, repository, tag, *layers, created="2026-01-02T03:04:05.678901234Z"):
        """Push a small image; its digest."""
        config = self.push_blob(repository, json.dumps({"created": created}).encode())
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {**config, "mediaType": "application/vnd.oci.image.config.v1+json"},
            "layers": [
                self.push_blob(repository, layer, "application/vnd.oci.image.layer.v1.tar")
                for layer in layers
            ],
        }
        answer = self.put_manifest(repository, tag, document)
        assert answer.status_code == 201, answer.text
        return answer.headers["Docker-Content-Digest"]

    def get(self, path, *, repository="my-project/app", **options):
        return self.call("GET", path, token=self.token(f"repository:{repository}:pull"), **options)

    def delete(self, path, *, repository="my-project/app"):
        return self.call("DELETE", path, token=self.token(f"repository:{repository}:pull,delete"))


@pytest.fixture
def connect(gcr_emulator):
    """Makes a client: of a role, of none (None), or of nobody at all (`auth=None`)."""

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
    """Makes a client with the rights of an editor at any emulator, by its URL."""
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
        """Start it, and wait until it is ready; with GCR_EMULATOR_CRASH_AT it may die before: then False."""
        # A session of its own, so that one signal reaches all its processes at once.
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
        """Kill its processes, all at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self.await_end()

    def terminate(self):
        """Ask it to stop, as ^C and a service manager do."""
        self._process.terminate()

    def await_end(self):
        """(exit status, stderr), once it has ended."""
        process, self._process = self._process, None
        process.communicate(timeout=self.WAIT_S)
        return process.returncode, self._log.read_text()


@pytest.fixture
def make_server():
    """Makes a server of a data directory and further arguments of `serve`; it is killed in the end."""
    made = []

    def make(data, *arguments):
        made.append(ServerProgram(data, *arguments))
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a gcr-emulator command in this process: exit code, stdout, stderr."""
    for name in [name for name in os.environ if name.startswith("GCR_EMULATOR_")]:
        monkeypatch.delenv(name)

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@dataclass
class Reply:
    """An answer; JSON is parsed, any other body is bytes."""

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
    """One request and its answer; `run` is where what the app leaves behind must go on afterwards."""
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
    """Calls an application as an ASGI server would."""
    return call_app
