"""pip and uv install from a Python index on loopback that asks for the helper's credential."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving

PROGRAMS = sysconfig.get_path("scripts")
WHEEL = "hello_from_loopback-1.0-py3-none-any.whl"


class Index(LoopbackServer):
    """Python index with one wheel, for clients with the emulator's newest token."""

    def __init__(self, wheel: bytes, cache: Path) -> None:
        super().__init__(IndexHandler)
        self.cache = cache
        digest = hashlib.sha256(wheel).hexdigest()
        page = f'<!DOCTYPE html><a href="/files/{WHEEL}#sha256={digest}">{WHEEL}</a>'
        self.pages = {"/simple/hello-from-loopback/": page.encode(), f"/files/{WHEEL}": wheel}
        self.statuses: list[int] = []

    def is_admitted(self, authorization: str) -> bool:
        """Returns whether the password is the token in the helper's cache, and the user name Google's."""
        tokens = [json.loads(path.read_text())["access_token"] for path in self.cache.glob("*.json")]
        credentials = [f"oauth2accesstoken:{token}".encode() for token in tokens]
        return authorization in [f"Basic {base64.b64encode(given).decode()}" for given in credentials]


class IndexHandler(LoopbackHandler):
    server: Index

    def do_GET(self) -> None:
        is_admitted = self.server.is_admitted(self.headers.get("Authorization", ""))
        body = self.server.pages.get(self.path, b"") if is_admitted else b""
        status = (200 if body else 404) if is_admitted else 401
        self.server.statuses.append(status)
        content_type = "text/html" if self.path.endswith("/") else "application/zip"
        self.end(status, body, Content_Type=content_type, WWW_Authenticate='Basic realm="index"')


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as wheel:
        info = "hello_from_loopback-1.0.dist-info"
        wheel.writestr("hello_from_loopback.py", "GREETING = 'hello'\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: hello-from-loopback\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    with serving(Index(path.read_bytes(), tmp_path / "cache")) as server:
        yield server


@pytest.fixture
def environ(gcr_emulator: Any, index: Index, tmp_path: Path) -> dict[str, str]:
    """Returns the environment of pip: the index is a configured host, with a key of the emulator."""
    source = f"file:{gcr_emulator.key()}"
    configuration = tmp_path / "config.json"
    configuration.write_text(json.dumps({"Registries": {index.host: {"TokenSources": [source]}}}))
    return {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "PIP_CONFIG_FILE": os.devnull,  # --isolated alone keeps the machine's settings
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
    absent = tmp_path / "absent"
    configuration = json.dumps({"Registries": {index.host: {"TokenSources": [f"file:{absent}"]}}})
    Path(environ["DOCKER_CREDENTIAL_GCR_CONFIG"]).write_text(configuration)

    done = install(index, environ, tmp_path / "one")

    assert done.returncode != 0
    assert f"no access token for {index.host}: file: cannot read key file {str(absent)!r}" in done.stderr


@pytest.mark.needs("uv")
def test_uv_installs_through_the_keyring_s_program(
    index: Index, environ: dict[str, str], gcr_emulator: Any, tmp_path: Path
) -> None:
    program = shutil.which("uv")
    command = [program, "pip", "install", "--no-config", "--no-cache", "--keyring-provider=subprocess"]
    command += ["--python", sys.executable, "--no-deps", "--target", tmp_path / "one"]
    command += ["--index-url", f"http://oauth2accesstoken@{index.host}/simple/", "hello-from-loopback==1.0"]

    done = subprocess.run(
        command,
        env=environ | {"PATH": f"{PROGRAMS}:{os.defpath}"},
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
