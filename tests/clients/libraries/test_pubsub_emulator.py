"""google-cloud-pubsub's streaming pull receives what `serve --pubsub` publishes to Google's Pub/Sub emulator.

https://cloud.google.com/pubsub/docs/emulator
"""

import json
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from clients.libraries.pubsub_emulator import PubSubEmulator, running_pubsub_emulator
from google.cloud import pubsub_v1
from support.child_processes import LIMIT_S
from support.registry_client import RegistryClient
from support.servers.emulators import ServerProgram

PROJECT = "projects/my-project"
TOPIC, SUBSCRIPTION = f"{PROJECT}/topics/gcr", f"{PROJECT}/subscriptions/images"
APP = "gcr.io/my-project/app"
Push = Callable[[str], str]


@pytest.fixture
def pubsub(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSubEmulator]:
    with running_pubsub_emulator(place) as emulator:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator.address)
        yield emulator


@pytest.fixture
def push(place: Path, pubsub: PubSubEmulator) -> Iterator[Push]:
    """Pushes to a server that publishes to Google's emulator; returns the digest."""
    options = ("--pubsub", pubsub.address, "--project", "my-project", "--open")
    server = ServerProgram(place / "data", *options)
    assert server.start(), server.await_end()
    client = RegistryClient(server.ready["url"], host="gcr.io")
    try:
        yield lambda tag: client.push_image("my-project/app", tag, tag.encode())
    finally:
        server.kill()


@contextmanager
def subscribed() -> Iterator[Callable[[str], Any]]:
    """Subscribes to the topic; yields a function that waits for a tag."""
    received: queue.Queue[Any] = queue.Queue()

    def receive(message: Any) -> None:
        message.ack()
        received.put(json.loads(message.data))

    def wait(tag: str) -> Any:
        while (found := received.get(timeout=LIMIT_S))["tag"] != f"{APP}:{tag}":
            pass
        return found

    with pubsub_v1.SubscriberClient() as subscriber:
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        pulling = subscriber.subscribe(SUBSCRIPTION, callback=receive)
        try:
            yield wait
        finally:
            pulling.cancel()
            pulling.result(timeout=LIMIT_S)


def await_topic(pubsub: PubSubEmulator) -> None:
    """Waits until the server has created the topic."""
    url = f"http://{pubsub.address}/v1/{TOPIC}"
    while requests.get(url, timeout=LIMIT_S, proxies={"http": ""}).status_code != 200:
        pass


def check(push: Push, tag: str) -> None:
    """Checks that a subscriber receives what is pushed now."""
    with subscribed() as wait:
        digest = push(tag)
        assert wait(tag) == {"action": "INSERT", "digest": f"{APP}@{digest}", "tag": f"{APP}:{tag}"}


def test_a_streaming_subscriber_receives_a_push(pubsub: PubSubEmulator, push: Push) -> None:
    push("first")
    await_topic(pubsub)
    check(push, "v1")


def test_n15_topics_that_a_restart_has_ended_are_there_again(pubsub: PubSubEmulator, push: Push) -> None:
    push("first")
    await_topic(pubsub)
    pubsub.stop()
    push("unheard")
    pubsub.start()
    await_topic(pubsub)
    check(push, "v1")
