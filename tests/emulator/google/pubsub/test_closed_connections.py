"""N13 on a real server: a client that closes its connection in mid-wait takes no message."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from support.backing_services import serve

from docker_credential_gcr.emulator.settings import Settings

V1 = "/v1/projects/my-project"
PULL = f"{V1}/subscriptions/builds:pull"
ROUNDS = 10


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(Settings(port=0, projects=("my-project",))) as ready:
        yield ready.url


def call(url: str, method: str, path: str, body: object) -> Any:
    reply = requests.request(method, url + path, json=body, timeout=30, proxies={"http": "", "https": ""})
    assert reply.status_code == 200, reply.text
    return reply.json()


def open_pull(url: str) -> socket.socket:
    """Sends a pull that waits, and returns its connection."""
    parts = urlsplit(url)
    body = json.dumps({"maxMessages": 1})
    head = f"POST {PULL} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection((parts.hostname or "", parts.port or 0))
    connection.sendall((head + body).encode())
    return connection


def test_n13_the_next_pull_gets_the_message_that_a_closed_one_waited_for(url: str) -> None:
    topic = {"topic": "projects/my-project/topics/gcr"}
    policy = {"deadLetterTopic": topic["topic"], "maxDeliveryAttempts": 5}
    call(url, "PUT", f"{V1}/subscriptions/builds", {**topic, "deadLetterPolicy": policy})
    for _ in range(ROUNDS):
        waiting = open_pull(url)
        call(url, "POST", PULL, {"maxMessages": 1, "returnImmediately": True})
        waiting.close()
        call(url, "POST", f"{V1}/topics/gcr:publish", {"messages": [{"data": "YQ=="}]})

        (received,) = call(url, "POST", PULL, {"maxMessages": 1})["receivedMessages"]

        assert received["deliveryAttempt"] == 1
        call(url, "POST", f"{V1}/subscriptions/builds:acknowledge", {"ackIds": [received["ackId"]]})
