"""Shared fixtures of the helper's tests: a token endpoint, keys for it, and the helper run as a program."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from support.child_processes import Outcome, running
from support.keys import make_key_file
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving

SCRIPT = Path(sysconfig.get_path("scripts"), "docker-credential-gcr")
PROGRAM = (
    [sys.executable, str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-m", "docker_credential_gcr"]
)


@dataclass
class Answer:
    """Next answer of the token endpoint."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class TokenServer(LoopbackServer):
    """Token endpoint on loopback: sends the answers of a test, else a new token for each request."""

    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(TokenHandler)
        self.url = f"http://{self.host}/token"
        self.answers: list[Answer] = []
        self.requests: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.is_silent = False
        self.asked = threading.Event()
        self.released = threading.Event()

    def take_answer(self, form: dict[str, str]) -> Answer:
        with self.lock:
            self.requests.append(form)
            self.asked.set()
            if self.answers:
                return self.answers.pop(0)
            token = {"access_token": f"ya29.{len(self.requests)}", "expires_in": 3600, "token_type": "Bearer"}
        return Answer(200, json.dumps(token).encode(), {"Content-Type": "application/json"})


class TokenHandler(LoopbackHandler):
    server: TokenServer

    def do_POST(self) -> None:
        form = parse_qs(self.read_body().decode())
        answer = self.server.take_answer({name: values[0] for name, values in form.items()})
        if self.server.is_silent:
            self.server.released.wait(30)
            return
        self.end(answer.status, answer.body, **answer.headers)


# The forms of secrets: every token, login and key in this suite has one of them.
SECRETS = re.compile(r"ya29\.[\w-]|1//\w|eyJ[\w-]{6}|PRIVATE KEY|s3cret|GOCSPX-")
# The files in which the helper or a keyring stores secrets, and the temporary files of their writes.
STORES = re.compile(r"([0-9a-f]{32}|docker_credential_gcr_logins|secrets)\.json(\.[0-9a-f]{8}\.tmp)?")


class SecretScan:
    """Scan for secrets in everything that a process left, except for Docker's answer and the stores."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.before = self.list_files()

    def list_files(self) -> dict[Path, tuple[int, int]]:
        """Returns every file below the directory, with its identity."""
        found = {}
        for folder, _, names in os.walk(self.directory):
            for path in (Path(folder, name) for name in names):
                with suppress(FileNotFoundError):
                    stat = path.stat(follow_symlinks=False)
                    found[path] = (stat.st_ctime_ns, stat.st_size)
        return found

    def find(self, arguments: tuple[str, ...], outcome: Outcome) -> list[str]:
        """Returns the places that hold a secret."""
        is_answer = arguments[:1] == ("get",) and outcome.status == 0
        texts = {"argv": " ".join(arguments), "stderr": outcome.stderr}
        texts["stdout"] = "" if is_answer else outcome.stdout
        for path, stamp in self.list_files().items():
            if self.before.get(path) != stamp and path.is_file() and not STORES.fullmatch(path.name):
                with suppress(FileNotFoundError):
                    texts[str(path.relative_to(self.directory))] = path.read_text(errors="replace")
        return sorted(place for place, text in texts.items() if SECRETS.search(text))


class Helper:
    """The helper as Docker calls it, in a separate environment. Every run is scanned for secrets."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.home.mkdir()
        self.directory = directory
        self.config = self.home / ".config/gcloud/docker_credential_gcr_config.json"
        self.cache = self.home / ".cache/docker-credential-gcr"
        # No metadata server: tests do not depend on this machine's.
        self.environ = {"HOME": str(self.home), "PATH": os.defpath, "NO_GCE_CHECK": "true"}

    def __call__(self, *arguments: str, stdin: str | bytes = b"", **environ: str) -> Outcome:
        scan = SecretScan(self.directory)
        process = subprocess.run(
            [*PROGRAM, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env=self.environ | environ,
            cwd=self.directory,
            timeout=60,
        )
        outcome = Outcome(process.returncode, process.stdout.decode(), process.stderr.decode())
        assert scan.find(arguments, outcome) == []
        return outcome

    def start(self, *arguments: str) -> AbstractContextManager["subprocess.Popen[str]"]:
        """Starts the helper with pipes for its streams."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return running([*PROGRAM, *arguments], **pipes, text=True, env=self.environ)

    def configure(self, content: object) -> None:
        """Writes the helper's configuration: a text, or any other value as JSON."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def secret_scan() -> type[SecretScan]:
    return SecretScan


@pytest.fixture
def helper(tmp_path: Path) -> Helper:
    return Helper(tmp_path)


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    with serving(TokenServer()) as server:
        yield server
        server.released.set()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def make_key(tmp_path: Path, private_key: str, token_server: TokenServer) -> Callable[..., Path]:
    """Writes a service account key for the token server; omits a field that is None."""

    def make(name: str = "key.json", **fields: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(make_key_file(private_key, **{"token_uri": token_server.url, **fields})))
        path.chmod(0o600)
        return path

    return make
