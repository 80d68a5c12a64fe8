"""What was acknowledged survives `kill -9` of every process, and nothing shows that is not whole.

Twenty kills in an ordinary run; `GCR_TEST_KILLS=100 scripts/test tests/emulator/test_crash.py` makes
it a hundred.
"""

import hashlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

KILLS = int(os.environ.get("GCR_TEST_KILLS", "20"))
PROJECT = "crash-project"
PROGRAMS = Path(sys.executable).parent
SCRIPTS = Path(__file__).parents[2] / "scripts"
WAIT_S = 30


class Server:
    """The emulator as a program on one data directory; every start is on a new port."""

    def __init__(self, data: Path) -> None:
        self._command = [PROGRAMS / "gcr-emulator", "serve", "--port", "0", "--project", PROJECT]
        self._command += ["--data", data]
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    def start(self) -> None:
        # A session of its own, so that one signal reaches all its processes at once.
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, start_new_session=True)
        self.ready = json.loads(_read_line(self._process))

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


class Push:
    """The pusher in its own process: what it recorded, and how far it is."""

    def __init__(self, directory: Path, key: Path) -> None:
        self.record = directory / "record"
        self._published = directory / "ready.json"
        self._arguments = [self._published, key, self.record, "a crash"]
        self._process: subprocess.Popen[bytes] | None = None

    def publish(self, ready: dict[str, Any]) -> None:
        """Tell the pusher where the server is now; the first time, start it."""
        part = self._published.with_suffix(".part")
        part.write_text(json.dumps(ready))
        part.replace(self._published)
        if self._process is None:
            command = _client("pusher.py", *self._arguments)
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            # Unbuffered: select must see what was not read yet.
            self._process = subprocess.Popen(command, env=_environ(), bufsize=0, **pipes)

    def await_facts(self, count: int) -> None:
        """Wait until the pusher has recorded so many facts more."""
        assert self._process is not None
        for _ in range(count):
            line = _read_line(self._process)
            assert not line.startswith(b"failed"), line.decode()

    def finish(self) -> int:
        """Let the pushes under way end; the exit status."""
        assert self._process is not None
        self._process.communicate(timeout=WAIT_S)
        return self._process.returncode

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def key(server: Server, tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    command = ["key", "create", "--server", server.ready["url"], "--project", PROJECT, "--account", "pusher"]
    command += ["--role", "roles/editor", "--output", str(path)]
    subprocess.run([PROGRAMS / "gcr-emulator", *command], check=True, timeout=WAIT_S)
    return path


@pytest.fixture
def push(tmp_path: Path, key: Path) -> Iterator[Push]:
    push = Push(tmp_path, key)
    yield push
    push.stop()


def test_kills_lose_nothing_acknowledged_and_show_nothing_partial(
    server: Server, key: Path, push: Push, tmp_path: Path
) -> None:
    moments = random.Random("moments")
    inspected = 0
    push.publish(server.ready)
    for kill in range(1, KILLS + 1):
        push.await_facts(moments.randint(1, 100))
        threading.Event().wait(moments.uniform(0, 0.02))
        server.kill()
        assert _find_wrong_files(tmp_path / "data" / "buckets") == []
        server.start()
        assert _inspect(server, key, push, inspected) == "", f"after kill {kill} of {KILLS}"
        inspected = len(push.record.read_text().splitlines())
        push.publish(server.ready)

    assert push.finish() == 0
    assert _inspect(server, key, push, 0) == ""
    assert _find_unrepeated(push.record) == set()


def _inspect(server: Server, key: Path, push: Push, first: int) -> str:
    command = _client("inspector.py", server.ready["registry"], key, push.record, first)
    return subprocess.run(command, env=_environ(), check=True, stdout=subprocess.PIPE, text=True).stdout


def _find_unrepeated(record: Path) -> set[tuple[str, str]]:
    """The interrupted pushes that were not acknowledged when they were repeated."""
    waiting = set()
    for line in record.read_text().splitlines():
        kind, repository, *words = line.split()
        if kind == "again":
            waiting.add((repository, words[0]))
        elif kind == "manifest":
            waiting.discard((repository, words[1]))
    return waiting


def _find_wrong_files(buckets: Path) -> list[Path]:
    files = [path for path in buckets.rglob("*") if path.is_file()]
    return [path for path in files if hashlib.sha256(path.read_bytes()).hexdigest() != path.name]


def _client(program: str, *arguments: object) -> list[str]:
    return [sys.executable, "-B", str(Path(__file__).with_name(program)), *map(str, arguments)]


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SCRIPTS)}


def _read_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], WAIT_S)
    assert readable, f"{process.args!r} says nothing for {WAIT_S} s"
    return process.stdout.readline()
