"""Crashes by `kill -9` of every process, during concurrent pushes, mounts, deletions and collections (T20).

Acknowledged data survives, incomplete data is never served, events tell what happened, and subscribers are
told of it. Twenty kills in an ordinary run; `GCR_TEST_KILLS=200 scripts/test tests/emulator/crash` makes it
two hundred.
"""

import json
import os
import random
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.checkout import SCRIPTS
from support.child_processes import running
from support.recording_subscribers import KINDS, Subscriber, find_wrong_order
from support.registry_client import RegistryClient
from support.serve_arguments import SERVE_ARGUMENTS
from support.servers.recording_receiver import RecordingReceiver
from support.told_events import find_differences, find_untold, list_events

KILLS = int(os.environ.get("GCR_TEST_KILLS", "20"))
PROJECT = "crash-project"
PROGRAMS = Path(sys.executable).parent
REPOSITORIES = [f"{PROJECT}/image-{number}" for number in range(3)]
WAIT_S = 60
# Blobs that no manifest names are collected after two seconds, longer than a restart, which takes one.
ARGUMENTS = ["--project", PROJECT, "--gc-interval", "0.3s", "--gc-delay", "2s", *SERVE_ARGUMENTS]
# Every fifth round kills the pusher too, every seventh a collection on the stopped server's directory.
PUSHER_DIES, COLLECTION_DIES = 5, 7

Server = Any
Run = Callable[..., tuple[int, str, str]]


class Push:
    """The pusher, in its own process, and its record."""

    def __init__(self, directory: Path, key: Path) -> None:
        self.record = directory / "record"
        self._published = directory / "ready.json"
        self._arguments = [self._published, key, self.record]
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0

    def publish(self, ready: dict[str, Any]) -> None:
        """Tells the pusher the server's address; starts the pusher if it does not run."""
        part = self._published.with_suffix(".part")
        part.write_text(json.dumps(ready))
        part.replace(self._published)
        if self._process is None:
            self._started += 1
            command = _client("pusher.py", *self._arguments, f"pusher{self._started}")
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            # Unbuffered: select sees no bytes that Python's buffer has read ahead.
            self._process = subprocess.Popen(command, env=_environ(), bufsize=0, **pipes)

    def await_facts(self, count: int) -> None:
        """Waits until the pusher has recorded `count` more facts."""
        assert self._process is not None
        for _ in range(count):
            line = _read_line(self._process)
            assert not line.startswith(b"failed"), line.decode()

    def finish(self) -> int:
        """Lets the pushes in progress end; returns the pusher's exit status."""
        assert self._process is not None
        self._process.communicate(timeout=WAIT_S)
        return self._process.returncode

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate(timeout=WAIT_S)


@pytest.fixture
def server(make_server: Callable[..., Server], tmp_path: Path) -> Server:
    server = make_server(tmp_path / "data", *ARGUMENTS)
    server.start()
    return server


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
    push.kill()


@pytest.fixture
def subscribers(server: Server) -> Iterator[list[Subscriber]]:
    """Subscribes with each kind of subscriber; they outlive the server."""
    with closing(RecordingReceiver()) as receiver:
        yield [Subscriber(kind, receiver, server.ready["url"], project=PROJECT) for kind in KINDS]


def test_t20_kills_lose_nothing_acknowledged_and_show_nothing_partial(
    server: Server, key: Path, push: Push, subscribers: list[Subscriber], run: Run
) -> None:
    moments = random.Random("moments")
    inspected = 0
    push.publish(server.ready)
    for kill in range(1, KILLS + 1):
        push.await_facts(moments.randint(1, 100))
        threading.Event().wait(moments.uniform(0, 0.02))
        server.kill()
        if kill % PUSHER_DIES == 0:
            push.kill()
        if kill % COLLECTION_DIES == 0:
            _kill_collection(server.data, moments.uniform(0.3, 1.2))
        assert _find_kinds(run, server.data) == set(), f"after kill {kill} of {KILLS}"
        server.start()
        assert _inspect(server, key, push, inspected) == "", f"after kill {kill} of {KILLS}"
        assert _find_wrong_events(server, key, push) == [], f"after kill {kill} of {KILLS}"
        assert _find_wrongly_told(server, subscribers) == [], f"after kill {kill} of {KILLS}"
        inspected = len(push.record.read_text().splitlines())
        push.publish(server.ready)

    assert push.finish() == 0
    assert _inspect(server, key, push, 0) == ""
    assert _find_wrong_events(server, key, push) == []
    assert _find_unrepeated(push.record) == set()
    assert _find_untold(server, key, push, subscribers) == []
    server.kill()
    assert _find_kinds(run, server.data) == set()
    assert run("gc", "--data", server.data, "--older-than", "0")[0] == 0
    assert _find_kinds(run, server.data) == set()
    server.start()
    assert _inspect(server, key, push, 0) == ""


def _kill_collection(data: Path, after_s: float) -> None:
    command = [PROGRAMS / "gcr-emulator", "gc", "--data", data, "--older-than", "2s"]
    with running(command, stdout=subprocess.DEVNULL):
        threading.Event().wait(after_s)


def _find_kinds(run: Run, data: Path) -> set[str]:
    code, out, err = run("fsck", "--data", data)
    assert code in (0, 1), err
    return {line.split()[0] for line in out.splitlines()}


def _inspect(server: Server, key: Path, push: Push, first: int) -> str:
    command = _client("inspector.py", server.ready["registry"], key, push.record, first)
    return subprocess.run(command, env=_environ(), check=True, stdout=subprocess.PIPE, text=True).stdout


def _find_wrong_events(server: Server, key: Path, push: Push) -> list[str]:
    """Returns what was acknowledged and not told, told and did not happen, or told in another order."""
    url = server.ready["url"]
    client = RegistryClient(url, ("_json_key", key.read_text()))
    record = "" if not push.record.exists() else push.record.read_text()
    return [*find_untold(list_events(url), record), *find_differences(client, REPOSITORIES)]


def _find_wrongly_told(server: Server, subscribers: Sequence[Subscriber]) -> list[str]:
    """Returns what subscribers were told in another order than it happened, or did not happen."""
    told = [each.list_told() for each in subscribers]  # before the events, which must have all of it
    events = list_events(server.ready["url"])
    return [wrong for each in told for wrong in find_wrong_order(each, events, is_complete=False)]


def _find_untold(server: Server, key: Path, push: Push, subscribers: Sequence[Subscriber]) -> list[str]:
    """Returns what a subscriber was not told, when it has been told as much as has happened."""
    url = server.ready["url"]
    client = RegistryClient(url, ("_json_key", key.read_text()))
    events = list_events(url)
    wrong = []
    for subscriber in subscribers:
        subscriber.await_all(len(events))
        told = subscriber.list_told()
        wrong += find_wrong_order(told, events, is_complete=True)
        wrong += find_untold(told, push.record.read_text())
        wrong += find_differences(client, REPOSITORIES, told)
    return wrong


def _find_unrepeated(record: Path) -> set[tuple[str, str]]:
    """Returns the interrupted pushes whose repetition was not acknowledged."""
    waiting = set()
    for line in record.read_text().splitlines():
        kind, repository, *words = line.split()
        if kind == "start":
            waiting.clear()
        if kind == "again":
            waiting.add((repository, words[0]))
        elif kind == "manifest":
            waiting.discard((repository, words[1]))
    return waiting


def _client(program: str, *arguments: object) -> list[str]:
    return [sys.executable, "-B", str(Path(__file__).with_name(program)), *map(str, arguments)]


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SCRIPTS)}


def _read_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], WAIT_S)
    assert readable, f"{process.args!r} says nothing for {WAIT_S} s"
    return process.stdout.readline()
