"""Pub/Sub in this process: the project my-project with the topic `news`."""

import base64
from dataclasses import dataclass, replace
from typing import Any

import pytest

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
