"""Fixtures of the commands' tests: the program in an isolated environment, and keys that can sign."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from support.child_processes import LIMIT_S, Outcome, running
from support.keys import make_key_file
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving

from docker_credential_gcr.__main__ import main

EMULATOR_URI = "http://localhost:5000/token"


class Cli:
    """The program as a user runs it; `docker-credential-gcr` is on PATH."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        self.docker = self.home / ".docker/config.json"
        self.own = self.home / ".config/gcloud/docker_credential_gcr_config.json"
        self.programs = directory / "bin"
        self.programs.mkdir()
        self.write_program("docker-credential-gcr", "")
        # Tests do not depend on this machine's metadata server.
        self.environ = {
            "HOME": str(self.home),
            "PATH": f"{self.programs}:{os.defpath}",
            "NO_GCE_CHECK": "true",
            "DOCKER_CREDENTIAL_GCR_KEYRING": "file",
        }

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> Outcome:
        """Runs the program in this process, which saves the start of Python, with its own environment."""
        streams = [
            io.TextIOWrapper(io.BytesIO(data), encoding="utf-8") for data in (stdin.encode(), b"", b"")
        ]
        with ExitStack() as stack:
            stack.enter_context(replace_environ(self.environ | environ))
            stack.enter_context(chdir(self.directory))
            stack.enter_context(replace_streams(*streams))
            try:
                status = main(list(arguments))
            except SystemExit as end:  # click raises it after completions
                status = int(end.code or 0)
        texts = [stream.detach().getvalue().decode() for stream in streams[1:]]
        return Outcome(status, *texts)

    def run_prepared(self, preparation: str, *arguments: str) -> tuple[int, str, str]:
        """Runs the program in a separate process, where the preparation makes the operating system fail."""
        program = (
            f"from docker_credential_gcr.cli.main import run\nraise SystemExit(run({list(arguments)!r}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", f"import errno, os\n{preparation}\n{program}"],
            capture_output=True,
            text=True,
            env=self.environ,
            cwd=self.directory,
            timeout=LIMIT_S,
        )
        return done.returncode, done.stdout, done.stderr

    def run_program(self, *arguments: str, **environ: str) -> Outcome:
        """Runs the program in a separate process, for tests of the process itself."""
        run = subprocess.run(
            [sys.executable, "-m", "docker_credential_gcr", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environ | environ,
            cwd=self.directory,
            timeout=60,
        )
        return Outcome(run.returncode, run.stdout, run.stderr)

    def write_program(self, name: str, line: str) -> None:
        """Writes a program of one line, first on PATH."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextmanager
def replace_environ(environ: dict[str, str]) -> Iterator[None]:
    saved = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


@contextmanager
def chdir(directory: Path) -> Iterator[None]:
    saved = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(saved)


@contextmanager
def replace_streams(*streams: io.TextIOWrapper) -> Iterator[None]:
    saved = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        for stream in streams[1:]:
            stream.flush()
        sys.stdin, sys.stdout, sys.stderr = saved


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def on_terminal(cli: Cli) -> Callable[..., str]:
    """Runs the program in a terminal, with one line typed; returns what the terminal shows."""

    def run(*arguments: str, answer: str = "", **environ: str) -> str:
        pty = pytest.importorskip("pty", reason="terminals are made by POSIX alone")
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "docker_credential_gcr", *arguments]
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        environ = cli.environ | {"TERM": "xterm"} | environ
        with running(command, **streams, env=environ, cwd=cli.directory) as process:
            os.close(theirs)
            os.write(ours, answer.encode())
            screen = b""
            with suppress(OSError):  # Linux: no process has the terminal open any more
                while part := os.read(ours, 4096):
                    screen += part
            process.wait(LIMIT_S)
        os.close(ours)
        return screen.decode().replace("\r\n", "\n")

    return run


class AuthorizationServer(LoopbackServer):
    """An authorization server on loopback: consent at once, codes for one use, PKCE, refresh, revocation."""

    def __init__(self) -> None:
        super().__init__(AuthorizationHandler)
        self.environ = {
            "CLOUDSDK_AUTH_AUTH_HOST": f"{self.url}/o/oauth2/auth",
            "CLOUDSDK_AUTH_TOKEN_HOST": f"{self.url}/token",
        }
        self.denies = False
        self.challenges: dict[str, tuple[str, str]] = {}
        self.logins: set[str] = set()

    def redirect(self, query: dict[str, str]) -> str:
        """Returns the URL to which the user's consent redirects."""
        answer = {"state": query["state"], "error": "access_denied"}
        if not self.denies:
            code = f"4/{len(self.challenges)}"
            self.challenges[code] = (query["code_challenge"], query["redirect_uri"])
            answer = {"state": query["state"], "code": code}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        """Returns the response of the token endpoint."""
        if form["grant_type"] == "authorization_code":
            challenge, redirect_uri = self.challenges.pop(form["code"], ("", ""))
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
                return 400, {"error": "invalid_grant"}
            if redirect_uri != form["redirect_uri"]:
                return 400, {"error": "redirect_uri_mismatch"}
            login = f"1//login-{len(self.logins)}"
            self.logins.add(login)
            return 200, {"access_token": "ya29.first", "expires_in": 3599, "refresh_token": login}
        if form["refresh_token"] not in self.logins:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "ya29.refreshed", "expires_in": 3599}


class AuthorizationHandler(LoopbackHandler):
    server: AuthorizationServer

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        self.end(302, Location=self.server.redirect(query))

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.read_body().decode()))
        status, document = 200, dict[str, object]()
        if self.path == "/revoke":
            known = form["token"] in self.server.logins
            self.server.logins.discard(form["token"])
            status, document = (200, {}) if known else (400, {"error": "invalid_token"})
        else:
            status, document = self.server.exchange(form)
        self.end(status, json.dumps(document).encode())


@pytest.fixture
def authorization_server() -> Iterator[AuthorizationServer]:
    with serving(AuthorizationServer()) as server:
        yield server


@pytest.fixture
def make_key(tmp_path: Path, private_key: str) -> Callable[..., Path]:
    """Writes a service account key; that of an emulator, unless `token_uri` is another."""

    def make(**fields: Any) -> Path:
        path = tmp_path / "key.json"
        path.write_text(json.dumps(make_key_file(private_key, **{"token_uri": EMULATOR_URI, **fields})))
        return path

    return make
