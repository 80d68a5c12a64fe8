"""Crashes by `kill -9` while subscribers are told of pushes and deletions (T20).

What was acknowledged is told at least once, nothing is told that did not happen, and a repository's events
come in their order. Every second kill comes within a delivery: the subscriber has the request, and has not
answered. Ten kills in an ordinary run, and six of two servers in turn; `GCR_TEST_KILLS=100 scripts/test
tests/emulator/crash/test_subscribers.py` makes it a hundred.
"""

import http.client
import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from _image import CONFIG, MANIFEST, digest_of, format_json
from support.backing_services import DATABASE
from support.recording_subscribers import KINDS, Subscriber, find_wrong_order
from support.registry_client import RegistryClient
from support.servers.emulators import ServerProgram
from support.servers.postgresql import NEEDS, Cluster, running_cluster
from support.servers.recording_receiver import RecordingReceiver
from support.told_events import find_differences, find_untold, list_events

KILLS = os.environ.get("GCR_TEST_KILLS")
PROJECT = "told-project"
REPOSITORIES = [f"{PROJECT}/app-{number}" for number in range(3)]
ARGUMENTS = ("--project", PROJECT, "--open", "--gc-interval", "0")
CONFIG_DATA = b"{}"
# A subscriber is told of so many images in a second that a server would push more.
LEAD = 60
KEPT = 4


class Pusher:
    """Pushes images to one repository under two tags, and deletes old ones, until `over`.

    `facts` are what was acknowledged, as support.told_events reads them.
    """

    def __init__(self, repository: str, ports: Callable[[], list[int]], has_room: Callable[[], bool]) -> None:
        self._repository, self._ports, self._has_room = repository, ports, has_room
        self._images: list[tuple[str, str]] = []
        self._connection: http.client.HTTPConnection | None = None
        self._tries = 0
        self.over = threading.Event()
        self.facts: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def finish(self) -> None:
        """Ends after the image in progress."""
        self.over.set()
        self._thread.join()
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _run(self) -> None:
        self._upload_config()
        number = 0
        while not self.over.is_set():
            if not self._has_room():
                self.over.wait(0.01)
                continue
            number += 1
            self._push(f"v{number}")
            if len(self._images) > KEPT:
                self._delete(*self._images.pop(0))

    def _upload_config(self) -> None:
        path = f"/v2/{self._repository}/blobs/uploads/?digest={digest_of(CONFIG_DATA)}"
        self._ask("POST", path, CONFIG_DATA, 201)

    def _push(self, tag: str) -> None:
        config = {"mediaType": CONFIG, "digest": digest_of(CONFIG_DATA), "size": len(CONFIG_DATA)}
        described = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
        manifest = format_json({**described, "annotations": {"tag": tag}})
        digest = digest_of(manifest)
        for each in (tag, "latest"):
            self._ask("PUT", f"/v2/{self._repository}/manifests/{each}", manifest, 201)
            self.facts.append(f"manifest {self._repository} {digest} {each}")
        self._images.append((digest, tag))

    def _delete(self, digest: str, tag: str) -> None:
        for reference in (tag, digest):
            # 404: the server was killed after it had done so.
            self._ask("DELETE", f"/v2/{self._repository}/manifests/{reference}", b"", 202, 404)
        self.facts.append(f"gone {self._repository} {digest} {tag}")

    def _ask(self, method: str, path: str, body: bytes, *expected: int) -> None:
        """Sends a request until a server answers it."""
        while True:
            try:
                status, text = self._send(method, path, body)
            except (OSError, http.client.HTTPException):
                self._close()
                self.over.wait(0.02)
            else:
                assert status in expected, f"{method} {path}: {status} {text!r}"
                return

    def _send(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._tries += 1
            ports = self._ports()
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", ports[self._tries % len(ports)], timeout=60
            )
        self._connection.request(method, path, body, {"Content-Type": MANIFEST} if method == "PUT" else {})
        answer = self._connection.getresponse()
        return answer.status, answer.read()


class Round:
    """Servers on one database, their subscribers, and what pushes to them."""

    def __init__(self, servers: Sequence[ServerProgram], receiver: RecordingReceiver, *, seed: str) -> None:
        self._servers, self._receiver = servers, receiver
        self._random = random.Random(seed)
        self.url = servers[0].ready["url"]
        self.subscribers = [Subscriber(kind, receiver, self.url, project=PROJECT) for kind in KINDS]
        self._pushers: list[Pusher] = []
        self._pushers += [Pusher(each, self._list_ports, self._has_room) for each in REPOSITORIES]

    @property
    def record(self) -> str:
        """Returns what was acknowledged."""
        return "\n".join(fact for pusher in self._pushers for fact in pusher.facts)

    def kill(self, number: int) -> None:
        """Kills a server some deliveries later, and starts it again."""
        victim = self._servers[number % len(self._servers)]
        subscriber = self.subscribers[number // 2 % len(self.subscribers)]
        subscriber.await_more(self._random.randint(1, 25))
        if number // len(self._servers) % 2:
            self._receiver.hang(subscriber.path)
            subscriber.await_more(1)
        else:
            threading.Event().wait(self._random.uniform(0, 0.02))
        victim.kill()
        self._receiver.release(subscriber.path)
        assert victim.start(), victim.await_end()
        self.url = victim.ready["url"]

    def finish(self) -> None:
        """Ends the pushes."""
        for pusher in self._pushers:
            pusher.finish()

    def find_wrong(self) -> list[str]:
        """Returns what subscribers were told in another order than it happened, or did not happen."""
        told = [each.list_told() for each in self.subscribers]  # before the events, which must have all of it
        events = list_events(self.url)
        return [wrong for each in told for wrong in find_wrong_order(each, events, is_complete=False)]

    def find_losses(self) -> list[str]:
        """Returns what subscribers were not told, once they were told of as many events as there are."""
        events, client, lost = list_events(self.url), RegistryClient(self.url), []
        for subscriber in self.subscribers:
            subscriber.await_all(len(events))
            told = subscriber.list_told()
            lost += find_wrong_order(told, events, is_complete=True)
            lost += find_untold(told, self.record)
            lost += find_differences(client, REPOSITORIES, told)
        return lost

    def _list_ports(self) -> list[int]:
        return [port for each in self._servers if (port := urlsplit(each.ready["url"]).port) is not None]

    def _has_room(self) -> bool:
        acknowledged = sum(len(pusher.facts) for pusher in self._pushers)
        return acknowledged < LEAD + min(each.count() for each in self.subscribers)


@pytest.fixture
def receiver() -> Iterator[RecordingReceiver]:
    with closing(RecordingReceiver()) as receiver:
        yield receiver


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


def check(servers: Sequence[ServerProgram], receiver: RecordingReceiver, *, kills: int) -> Round:
    """Kills the servers in turn; nothing may be lost, invented or told in another order."""
    for server in servers:
        assert server.start(), server.await_end()
    rounds = Round(servers, receiver, seed="told")
    try:
        for number in range(1, kills + 1):
            rounds.kill(number)
            assert rounds.find_wrong() == [], f"after kill {number} of {kills}"
    finally:
        rounds.finish()
    assert rounds.find_losses() == []
    return rounds


@pytest.mark.in_turn
@pytest.mark.timeout(120 + 3 * int(KILLS or 0))
def test_t20_subscribers_are_told_of_all_that_was_acknowledged_before_each_kill(
    make_server: Callable[..., Any], tmp_path: Path, receiver: RecordingReceiver
) -> None:
    rounds = check([make_server(tmp_path / "data", *ARGUMENTS)], receiver, kills=int(KILLS or 10))

    # Some kills came within a delivery, which was not recorded.
    assert all(each.count() > len(each.list_told()) for each in rounds.subscribers)


@NEEDS
@pytest.mark.skipif(bool(DATABASE), reason="the test has a cluster of its own")
@pytest.mark.in_turn
@pytest.mark.timeout(180 + 8 * int(KILLS or 0))
def test_t20_of_two_servers_the_one_that_lives_tells_the_subscribers(
    cluster: Cluster, tmp_path: Path, receiver: RecordingReceiver
) -> None:
    database = cluster.create_database()
    servers = [
        ServerProgram(tmp_path / name, "--database", database, *ARGUMENTS) for name in ("first", "second")
    ]
    try:
        check(servers, receiver, kills=int(KILLS or 6))
    finally:
        for server in servers:
            server.kill()
