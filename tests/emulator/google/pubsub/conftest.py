"""Pub/Sub in this process: the project my-project with the topic `news`."""

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from google.auth.transport.requests import Request
from google.oauth2 import id_token
from support.servers.one_answer import OneAnswer
from support.servers.push_receiver import PushReceiver

from docker_credential_gcr.emulator.google.pubsub.push_sender import PushSender

NOW = 1_700_000_000
V1 = "/v1/projects/my-project"


@dataclass
class PubSub:
    """Client of Pub/Sub; each call must succeed unless it is `ask`."""

    apis: Any

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """Returns the response to a request of a path in the project."""
        return self.apis.call(method, f"{V1}/{path}", body, token)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Returns the body of a response that must be a success."""
        reply = self.ask(method, path, body)
        assert reply.status == 200, reply
        return reply.body

    def subscribe(self, name: str = "builds", topic: str = "news", **settings: Any) -> Any:
        """Creates a subscription."""
        body = {"topic": f"projects/my-project/topics/{topic}", **settings}
        return self.call("PUT", f"subscriptions/{name}", body)

    def publish(self, *texts: str, topic: str = "news", key: str = "", **attributes: str) -> list[str]:
        """Publishes a message for each text, and returns their IDs."""
        messages = [
            {
                "data": base64.b64encode(text.encode()).decode(),
                "attributes": attributes,
                **({"orderingKey": key} if key else {}),
            }
            for text in texts
        ]
        found: list[str] = self.call("POST", f"topics/{topic}:publish", {"messages": messages})["messageIds"]
        return found

    def pull(self, name: str = "builds", count: int = 10) -> list[dict[str, Any]]:
        """Returns what is delivered at once."""
        body = {"maxMessages": count, "returnImmediately": True}
        found: list[dict[str, Any]] = self.call("POST", f"subscriptions/{name}:pull", body).get(
            "receivedMessages", []
        )
        return found

    def read(self, name: str = "builds") -> list[str]:
        """Returns the texts of what is delivered at once."""
        return [text_of(each) for each in self.pull(name)]

    def answer(self, verb: str, received: list[dict[str, Any]], name: str = "builds", **more: Any) -> None:
        """Acknowledges deliveries, or modifies their deadline."""
        body = {"ackIds": [each["ackId"] for each in received], **more}
        self.call("POST", f"subscriptions/{name}:{verb}", body)

    def acknowledge(self, received: list[dict[str, Any]], name: str = "builds") -> None:
        self.answer("acknowledge", received, name)

    def refuse(self, received: list[dict[str, Any]], name: str = "builds") -> None:
        self.answer("modifyAckDeadline", received, name, ackDeadlineSeconds=0)

    def turn_clock(self, seconds: float) -> None:
        """Sets the emulator's clock ahead."""
        self.apis.clock.set(self.apis.clock.now() + seconds)

    def limit(self, **limits: Any) -> None:
        """Replaces limits of the server."""
        services = self.apis.services
        self.apis.services = replace(services, limits=replace(services.limits, **limits))


def text_of(received: dict[str, Any]) -> str:
    """Returns the text of a message that was delivered."""
    return base64.b64decode(received["message"].get("data", "")).decode()


@pytest.fixture
def pubsub(apis: Any) -> PubSub:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    found = PubSub(apis)
    found.call("PUT", "topics/news", {})
    return found


@pytest.fixture(name="text_of")
def _text_of() -> Any:
    return text_of


class Pusher(PushReceiver):
    """A receiver, and the sender of the emulator's push subscriptions."""

    def __init__(self, apis: Any) -> None:
        super().__init__()
        self._apis = apis
        self.chance = 1.0
        self._sender = PushSender(apis.services, rand=lambda: self.chance)
        self.is_lease_held = True
        self.holder = "first"

    def is_held(self, _connection: object) -> bool:
        """Returns whether the sender has the lease."""
        return self.is_lease_held

    def answers(self, *statuses: int) -> None:
        """Sets the next answers."""
        self.statuses = list(statuses)

    def push(self) -> None:
        """Sends what is due, and waits for all answers."""
        asyncio.run(self._push())

    def find_due(self) -> Any:
        return asyncio.run(self._sender.find_due())

    def replace_services(self, **changed: Any) -> None:
        self._sender = PushSender(replace(self._apis.services, **changed))

    async def push_as(self, holder: str, services: Any) -> Any:
        """Does as another process with the lease; returns when it finds that something is due."""
        sender, others = PushSender(services), asyncio.all_tasks()
        due = await sender.find_due()
        await sender.send_due(SimpleNamespace(holder=holder, is_held=lambda _: True))
        await asyncio.wait(asyncio.all_tasks() - others)
        return due

    async def _push(self) -> None:
        await self._sender.send_due(self)
        if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(tasks)


@pytest.fixture
def pusher(apis: Any) -> Iterator[Pusher]:
    with closing(Pusher(apis)) as found:
        yield found


@pytest.fixture
def verify(apis: Any) -> Any:
    """Returns the claims of an ID token that google-auth accepts with the emulator's certificates."""

    def check(token: str, audience: str) -> Any:
        text = json.dumps(apis.call("GET", "/oauth2/v1/certs").body).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n".encode()
        with closing(OneAnswer(head + text)) as server:
            certificates = f"{server.url}/oauth2/v1/certs"
            return id_token.verify_token(token, Request(), audience, certificates)

    return check
