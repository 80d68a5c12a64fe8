"""What the commands' tests share: the program in an environment of its own, and keys that can sign."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

EMULATOR_URI = "http://localhost:5000/token"


@dataclass(frozen=True)
class Outcome:
    """What a run left."""

    status: int
    stdout: str
    stderr: str


class Cli:
    """The program as a person calls it; `docker-credential-gcr` is on PATH."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        self.docker = self.home / ".docker/config.json"
        self.own = self.home / ".config/gcloud/docker_credential_gcr_config.json"
        program = directory / "bin/docker-credential-gcr"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        self.environ = {"HOME": str(self.home), "PATH": f"{program.parent}:{os.defpath}"}

    def __call__(self, *arguments: str, **environ: str) -> Outcome:
        run = subprocess.run(
            [sys.executable, "-m", "docker_credential_gcr", *arguments],
            capture_output=True,
            text=True,
            env=self.environ | environ,
            cwd=self.directory,
            timeout=60,
        )
        return Outcome(run.returncode, run.stdout, run.stderr)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def on_terminal(cli: Cli) -> Callable[..., str]:
    """Run the program on a terminal of its own, with one line typed; what the terminal then shows."""

    def run(*arguments: str, answer: str = "", **environ: str) -> str:
        pty = pytest.importorskip("pty", reason="terminals are made by POSIX alone")
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "docker_credential_gcr", *arguments]
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        environ = cli.environ | {"TERM": "xterm"} | environ
        with subprocess.Popen(command, **streams, env=environ, cwd=cli.directory) as process:
            os.close(theirs)
            os.write(ours, answer.encode())
            screen = b""
            with suppress(OSError):  # how Linux says that nobody holds the terminal any more
                while part := os.read(ours, 4096):
                    screen += part
            process.wait(60)
        os.close(ours)
        return screen.decode().replace("\r\n", "\n")

    return run


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def make_key(tmp_path: Path, private_key: str) -> Callable[..., Path]:
    """Write a service account key; an emulator's unless another `token_uri` is given."""

    def make(**fields: Any) -> Path:
        content = {
            "type": "service_account",
            "private_key_id": "0" * 40,
            "private_key": private_key,
            "client_email": "ci@my-project.iam.gserviceaccount.com",
            "token_uri": EMULATOR_URI,
        }
        path = tmp_path / "key.json"
        path.write_text(json.dumps(content | fields))
        return path

    return make
