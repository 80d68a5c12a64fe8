"""pip and its kin ask `keyring` for the password of a Python index, and the helper answers."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from keyring.backends import chainer, fail
from keyring.errors import KeyringError, NoKeyringError

from docker_credential_gcr.keyring_backend import PythonIndexKeyring

UV = Path(sysconfig.get_path("scripts"), "uv")
WHEEL = "hello_from_loopback-1.0-py3-none-any.whl"
FOREIGN = (
    *("https://index.example/simple/", "https://upload.index.example/legacy/", "docker-credential-gcr", "system"),
    *("https://us-python.pkg.dev.evil.example/simple/", "https://us-docker.pkg.dev/v2/", "gcr.io"),
    *("http://us-python.pkg.dev/p/r/simple/", "https://us-npm.pkg.dev/p/r/", "localhost:1", ""),
)


class Index(ThreadingHTTPServer):
    """A Python index with one wheel, closed to whoever has not the emulator's newest token."""

    daemon_threads = True

    def __init__(self, wheel: bytes, cache: Path) -> None:
        super().__init__(("127.0.0.1", 0), IndexHandler)
        self.host = f"localhost:{self.server_port}"
        self.cache = cache
        digest = hashlib.sha256(wheel).hexdigest()
        page = f'<!DOCTYPE html><a href="/files/{WHEEL}#sha256={digest}">{WHEEL}</a>'
        self.pages = {"/simple/hello-from-loopback/": page.encode(), f"/files/{WHEEL}": wheel}
        self.statuses: list[int] = []

    def is_admitted(self, authorization: str) -> bool:
        """Whether it is the token that the helper has in its cache, under the name that Google knows."""
        tokens = [json.loads(path.read_text())["access_token"] for path in self.cache.glob("*.json")]
        credentials = [f"oauth2accesstoken:{token}".encode() for token in tokens]
        return authorization in [f"Basic {base64.b64encode(given).decode()}" for given in credentials]


class IndexHandler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        is_admitted = self.server.is_admitted(self.headers.get("Authorization", ""))
        body = self.server.pages.get(self.path, b"") if is_admitted else b""
        status = (200 if body else 404) if is_admitted else 401
        self.server.statuses.append(status)
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/zip")
        self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as wheel:
        info = "hello_from_loopback-1.0.dist-info"
        wheel.writestr("hello_from_loopback.py", "GREETING = 'hello'\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: hello-from-loopback\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    server = Index(path.read_bytes(), tmp_path / "cache")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environ(gcr_emulator: Any, index: Index, tmp_path: Path) -> dict[str, str]:
    """What pip sees: the index is a configured host, with a key of the emulator's."""
    source = f"file:{gcr_emulator.key()}"
    configuration = tmp_path / "config.json"
    configuration.write_text(json.dumps({"Registries": {index.host: {"TokenSources": [source]}}}))
    return {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "DOCKER_CREDENTIAL_GCR_CONFIG": str(configuration),
        "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(index.cache),
    }


def install(index: Index, environ: dict[str, str], target: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir"]
    command += ["--keyring-provider=import", "--no-input", "install", "--no-deps", "--target", str(target)]
    command += ["--index-url", f"http://{index.host}/simple/", "hello-from-loopback==1.0"]
    return subprocess.run(
        command, env=environ, cwd=target.parent, capture_output=True, text=True, timeout=120
    )


def test_pip_installs_through_the_keyring_and_the_second_time_asks_for_no_token(
    index: Index, environ: dict[str, str], gcr_emulator: Any, tmp_path: Path
) -> None:
    first = install(index, environ, tmp_path / "one")
    second = install(index, environ, tmp_path / "two")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert (tmp_path / "one/hello_from_loopback.py").read_text() == "GREETING = 'hello'\n"
    assert (tmp_path / "two/hello_from_loopback.py").exists()
    assert index.statuses == [401, 200, 200] * 2
    asked = [entry for entry in gcr_emulator.journal() if entry["path"] == "/token"]
    assert len(asked) == 1


def test_pip_says_why_there_is_no_token(index: Index, environ: dict[str, str], tmp_path: Path) -> None:
    configuration = json.dumps({"Registries": {index.host: {"TokenSources": ["file:/nonexistent"]}}})
    Path(environ["DOCKER_CREDENTIAL_GCR_CONFIG"]).write_text(configuration)

    done = install(index, environ, tmp_path / "one")

    assert done.returncode != 0
    assert f"no access token for {index.host}: file: cannot read key file '/nonexistent'" in done.stderr


def test_uv_installs_through_the_keyring_s_program(
    index: Index, environ: dict[str, str], gcr_emulator: Any, tmp_path: Path
) -> None:
    if not UV.exists():
        pytest.skip("uv is not installed: pip install 'docker-credential-gcr[dev]'")
    command = [UV, "pip", "install", "--no-config", "--no-cache", "--keyring-provider=subprocess"]
    command += ["--python", sys.executable, "--no-deps", "--target", tmp_path / "one"]
    command += ["--index-url", f"http://oauth2accesstoken@{index.host}/simple/", "hello-from-loopback==1.0"]

    done = subprocess.run(
        command,
        env=environ | {"PATH": f"{UV.parent}:{os.defpath}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "one/hello_from_loopback.py").read_text() == "GREETING = 'hello'\n"
    assert len([entry for entry in gcr_emulator.journal() if entry["path"] == "/token"]) == 1


def test_the_keyring_program_prints_the_password_as_uv_and_pip_ask_for_it(
    index: Index, environ: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "keyring", "get", f"http://{index.host}/simple/", "oauth2accesstoken"]

    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)

    (entry,) = index.cache.glob("*.json")
    token = json.loads(entry.read_text())["access_token"]
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{token}\n", "")


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PythonIndexKeyring:
    """The backend, in an environment where a token file serves every host."""
    (tmp_path / "token").write_text("ya29.keyring")
    configuration = tmp_path / "config.json"
    configuration.write_text(json.dumps({"TokenSources": [f"token-file:{tmp_path / 'token'}"]}))
    monkeypatch.setenv("DOCKER_CREDENTIAL_GCR_CONFIG", str(configuration))
    return PythonIndexKeyring()


@pytest.mark.parametrize("username", [None, "oauth2accesstoken"])
@pytest.mark.parametrize("service", ["https://us-python.pkg.dev/p/r/simple/", "us-python.pkg.dev"])
def test_a_python_index_of_google_s_gets_a_credential(
    keyring: PythonIndexKeyring, service: str, username: str | None
) -> None:
    credential = keyring.get_credential(service, username)

    assert credential is not None
    assert (credential.username, credential.password) == ("oauth2accesstoken", "ya29.keyring")
    assert keyring.get_password(service, username) == "ya29.keyring"


@pytest.mark.parametrize("service", FOREIGN)
def test_any_other_service_gets_none(keyring: PythonIndexKeyring, service: str) -> None:
    assert keyring.get_credential(service, None) is None
    assert keyring.get_password(service, "oauth2accesstoken") is None


def test_somebody_s_own_login_is_left_to_the_other_backends(keyring: PythonIndexKeyring) -> None:
    assert keyring.get_credential("https://us-python.pkg.dev/p/r/simple/", "_json_key_base64") is None


@pytest.mark.parametrize("service", ["https://index.example/simple/", "docker-credential-gcr"])
def test_a_malformed_configuration_is_no_concern_of_other_services(
    keyring: PythonIndexKeyring, service: str
) -> None:
    Path(os.environ["DOCKER_CREDENTIAL_GCR_CONFIG"]).write_text("{")

    assert keyring.get_credential(service, None) is None
    with pytest.raises(KeyringError, match="is malformed"):
        keyring.get_credential("us-python.pkg.dev", None)


def test_nothing_can_be_kept_in_it(keyring: PythonIndexKeyring) -> None:
    with pytest.raises(NoKeyringError):
        keyring.set_password("service", "me", "secret")
    with pytest.raises(NoKeyringError):
        keyring.delete_password("service", "me")


def test_a_keyring_that_stores_is_asked_after_it(
    keyring: PythonIndexKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Storing(fail.Keyring):
        kept = ()

        def set_password(self, service: str, username: str, password: str, msg: str | None = None) -> None:
            del msg
            self.kept = (service, username, password)

    storing = Storing()
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [keyring, storing])

    chainer.ChainerBackend().set_password("docker-credential-gcr", "me", "secret")

    assert storing.kept == ("docker-credential-gcr", "me", "secret")


def test_alone_it_is_no_keyring_for_a_login_of_docker_s(tmp_path: Path) -> None:
    triple = {"ServerURL": "quay.io", "Username": "me", "Secret": "s3cret"}
    backend = "docker_credential_gcr.keyring_backend.PythonIndexKeyring"

    done = subprocess.run(
        [sys.executable, "-m", "docker_credential_gcr", "store"],
        input=json.dumps(triple),
        env={"HOME": str(tmp_path), "PATH": os.defpath, "PYTHON_KEYRING_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (
        1,
        "this machine has no keyring to keep a login in: "
        "DOCKER_CREDENTIAL_GCR_KEYRING=file keeps logins in a file for you alone\n",
    )
