"""A server that is stopped for longer than its lease: another delivers, and the late answer is not recorded.

Row N2 with a real SIGSTOP.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S
from support.recording_subscribers import KINDS, Subscriber
from support.registry_client import RegistryClient
from support.servers.emulators import ServerProgram
from support.servers.postgresql import NEEDS, running_cluster
from support.servers.recording_receiver import RecordingReceiver

pytestmark = [NEEDS, pytest.mark.in_turn]

PROJECT = "told-project"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[ServerProgram]]:
    with running_cluster() as cluster:
        arguments = ("--database", cluster.create_database(), "--project", PROJECT, "--open")
        servers = [ServerProgram(tmp_path / name, *arguments) for name in ("first", "second")]
        yield servers
        for server in servers:
            server.kill()


@pytest.fixture
def receiver() -> Iterator[RecordingReceiver]:
    with closing(RecordingReceiver()) as receiver:
        yield receiver


@pytest.mark.parametrize("kind", KINDS)
def test_n2_the_answer_to_a_stopped_server_is_not_recorded_and_another_server_delivers(
    kind: str, servers: list[ServerProgram], receiver: RecordingReceiver, tmp_path: Path
) -> None:
    first, second = servers
    assert first.start(), first.await_end()
    subscriber = Subscriber(kind, receiver, first.ready["url"], project=PROJECT)
    receiver.hang(subscriber.path)
    RegistryClient(first.ready["url"]).push_image(f"{PROJECT}/app", "v1")
    subscriber.await_count(1)
    assert second.start(), second.await_end()

    os.killpg(first.pid, signal.SIGSTOP)
    receiver.release(subscriber.path)
    subscriber.await_count(2)
    os.killpg(first.pid, signal.SIGCONT)
    await_line(tmp_path / "first.stderr", "is not recorded")
    RegistryClient(second.ready["url"]).push_image(f"{PROJECT}/app", "v2")
    subscriber.await_all(2)

    assert [told["tag"] for told in subscriber.list_told()] == ["v1", "v2"]
    assert subscriber.count() == 3


def await_line(log: Path, text: str) -> None:
    """Waits until the log has the text."""
    for _ in range(LIMIT_S * 50):
        if text in log.read_text():
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"{text!r} is not in {log.read_text()}")
