"""Receivers that refuse, hang or are gone, on a real server: nothing is lost, and others are told."""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
import requests
from support.backing_services import serve
from support.recording_subscribers import KINDS, Subscriber, find_wrong_order
from support.registry_client import RegistryClient
from support.servers.recording_receiver import RecordingReceiver
from support.told_events import list_events

from docker_credential_gcr.emulator.settings import Settings

PROJECT = "my-project"
TAGS = [f"v{number}" for number in range(3)]
HOUR_S = 3600
LIMIT_S = 30
REFUSED = re.compile(r'^gcr_emulator_(?:deliveries|pubsub)_total{result="refused"} (\d+)', re.MULTILINE)


class Emulator:
    """A server, a subscriber in trouble, and one of another kind that answers."""

    def __init__(self, url: str, kind: str, troubled: RecordingReceiver, good: RecordingReceiver) -> None:
        self._url, self._offset_s = url, 0
        (other,) = KINDS.keys() - {kind}
        self.troubled = Subscriber(kind, troubled, url, project=PROJECT)
        self.good = Subscriber(other, good, url, project=PROJECT)

    def push(self) -> None:
        """Pushes images; the subscriber that answers is told of them."""
        client = RegistryClient(self._url)
        for tag in TAGS:
            client.push_image(f"{PROJECT}/app", tag, created=f"2026-01-02T03:04:05.{tag[1:]}Z")
        self.good.await_accepted(len(TAGS))

    def await_refused(self, count: int) -> None:
        """Waits until that many attempts have failed."""
        for _ in range(LIMIT_S * 100):
            text = requests.get(f"{self._url}/metrics", timeout=LIMIT_S, proxies={"http": ""}).text
            if sum(map(int, REFUSED.findall(text))) >= count:
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"no {count} attempts have failed")

    def turn_clock(self, seconds: int) -> None:
        """Sets the emulator's clock ahead, in addition to earlier turns."""
        self._offset_s += seconds
        body = {"offset_s": self._offset_s}
        url = f"{self._url}/_emulator/clock"
        assert requests.put(url, json=body, timeout=LIMIT_S, proxies={"http": ""}).status_code == 200

    def find_untold(self) -> list[str]:
        """Returns what the subscribers were not told, once both were told of as many events as there are."""
        events = list_events(self._url)
        assert len(events) == len(TAGS)
        self.troubled.await_accepted(len(events))
        told = [
            self.good.list_accepted(),
            sorted(self.troubled.list_accepted(), key=lambda each: each["tag"]),
        ]
        return [wrong for each in told for wrong in find_wrong_order(each, events, is_complete=True)]


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as running:
        yield running


def start(running: ExitStack, kind: str, *, is_listening: bool = True) -> tuple[Emulator, RecordingReceiver]:
    """Starts a server; returns it, and the receiver of the subscriber in trouble."""
    good = running.enter_context(closing(RecordingReceiver()))
    troubled = running.enter_context(closing(RecordingReceiver(is_listening=is_listening)))
    ready = running.enter_context(serve(Settings(port=0, projects=(PROJECT,), open=True)))
    return Emulator(ready.url, kind, troubled, good), troubled


def test_a_receiver_that_refuses_for_a_while_is_told_everything(running: ExitStack, kind: str) -> None:
    emulator, receiver = start(running, kind)
    receiver.statuses[emulator.troubled.path] = 500
    emulator.push()
    for _ in range(3):
        emulator.troubled.await_more(1)
        emulator.turn_clock(60)
    assert emulator.troubled.list_accepted() == []
    receiver.statuses[emulator.troubled.path] = 200
    emulator.turn_clock(HOUR_S)

    assert emulator.find_untold() == []


def test_a_receiver_that_hangs_delays_no_other_and_is_told_everything(running: ExitStack, kind: str) -> None:
    emulator, receiver = start(running, kind)
    receiver.hang(emulator.troubled.path)
    emulator.push()
    assert emulator.troubled.list_accepted() == []
    receiver.release(emulator.troubled.path)

    assert emulator.find_untold() == []


def test_a_receiver_that_is_gone_for_an_hour_is_told_everything(running: ExitStack, kind: str) -> None:
    emulator, receiver = start(running, kind, is_listening=False)
    emulator.push()
    for count, minutes in enumerate((1, 2, 4, 8, 15, 30), 1):
        emulator.await_refused(count)
        emulator.turn_clock(60 * minutes)
    receiver.listen()
    emulator.turn_clock(HOUR_S)

    assert emulator.find_untold() == []
