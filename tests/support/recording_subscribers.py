"""Subscribers that record what they are told, and the comparison with the events of the outbox.

subscriber = Subscriber("push", receiver, url, project="my-project")
subscriber.list_told()      # [{"id": …, "action": "INSERT", "repository": …, "digest": …, "tag": …}]
find_wrong_order(subscriber.list_told(), list_events(url), is_complete=False)
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import requests
from support.servers.recording_receiver import RecordingReceiver

# {"id", "action", "repository", "digest", "tag"}: as an event, but the id is the delivery's.
Told = dict[str, Any]


def subscribe_push(url: str, project: str, name: str, endpoint: str) -> None:
    """Creates a push subscription of the topic gcr."""
    body = {"topic": f"projects/{project}/topics/gcr", "pushConfig": {"pushEndpoint": endpoint}}
    path = f"/v1/projects/{project}/subscriptions/{name}"
    answer = requests.put(f"{url}{path}", json=body, timeout=30, proxies={"http": ""})
    assert answer.status_code == 200, answer.text


def parse_push(body: bytes) -> Told:
    """Returns what a pushed message tells."""
    message = json.loads(body)["message"]
    told = json.loads(base64.b64decode(message["data"]))
    parts = {"id": message["messageId"], "action": told["action"]}
    if "digest" in told:
        parts["repository"], _, parts["digest"] = told["digest"].partition("@")
    if "tag" in told:
        parts["repository"], _, parts["tag"] = told["tag"].rpartition(":")
    return parts


def subscribe_webhook(url: str, project: str, name: str, endpoint: str) -> None:
    """Creates a webhook."""
    answer = requests.post(
        f"{url}/_emulator/webhooks",
        json={"url": endpoint, "project": project},
        timeout=30,
        proxies={"http": ""},
    )
    assert answer.status_code == 201, f"{name}: {answer.text}"


def parse_webhook(body: bytes) -> Told:
    """Returns what Docker's envelope tells."""
    (event,) = json.loads(body)["events"]
    target = event["target"]
    return {
        "id": event["id"],
        "action": {"push": "INSERT", "delete": "DELETE"}[event["action"]],
        "repository": f"{event['request']['host']}/{target['repository']}",
        **{name: target[name] for name in ("digest", "tag") if name in target},
    }


# How a subscriber of each kind is created, and what a request to it tells.
KINDS: dict[str, tuple[Callable[[str, str, str, str], None], Callable[[bytes], Told]]] = {
    "push": (subscribe_push, parse_push),
    "webhook": (subscribe_webhook, parse_webhook),
}


class Subscriber:
    """A subscriber of one kind, which is told of the images of a project."""

    def __init__(self, kind: str, receiver: RecordingReceiver, url: str, *, project: str) -> None:
        create, self._parse = KINDS[kind]
        self._receiver, self.path = receiver, f"{kind}-subscriber"
        create(url, project, self.path, receiver.url(self.path))

    def count(self) -> int:
        """Returns how often it was told something; at least once means that it may come again."""
        return len(self._receiver.read(self.path))

    def list_told(self) -> list[Told]:
        """Returns the first telling of each event, in the order in which they came."""
        return self._list_first(self._receiver.read(self.path))

    def list_accepted(self) -> list[Told]:
        """Returns the first telling of each event that the receiver answered with 200."""
        return self._list_first(self._receiver.read_accepted(self.path))

    def await_accepted(self, count: int) -> None:
        """Waits until that many events were accepted."""
        assert self._receiver.wait(self.path, lambda _: len(self.list_accepted()) >= count)

    def await_more(self, count: int) -> None:
        """Waits until that many requests more have come."""
        self.await_count(count + self.count())

    def await_count(self, count: int) -> None:
        """Waits until that many requests have come."""
        assert self._receiver.wait(self.path, lambda bodies: len(bodies) >= count)

    def await_all(self, count: int) -> None:
        """Waits until that many events were told; whether they are the right ones is another question."""
        self._receiver.wait(self.path, lambda bodies: len(bodies) >= count and len(self.list_told()) >= count)

    def _list_first(self, bodies: Sequence[bytes]) -> list[Told]:
        first: dict[str, Told] = {}
        for told in map(self._parse, bodies):
            assert first.setdefault(told["id"], told) == told
        return [*first.values()]


def find_wrong_order(told: Sequence[Told], events: Sequence[Told], *, is_complete: bool) -> list[str]:
    """Returns the repositories that were not told their events in their order, each once.

    Until it is complete, what was told may be the beginning of the events.
    """
    wrong = []
    for repository in sorted({each["repository"] for each in (*told, *events)}):
        shown, expected = (
            [_describe(each) for each in listed if each["repository"] == repository]
            for listed in (told, events)
        )
        if shown != (expected if is_complete else expected[: len(shown)]):
            place = next(
                (n for n, pair in enumerate(zip(shown, expected, strict=False)) if pair[0] != pair[1]), -1
            )
            wrong.append(
                f"{repository}: {len(shown)} told, {len(expected)} happened; "
                f"told {shown[place:][:3]}, happened {expected[place:][:3]}"
            )
    return wrong


def _describe(event: Mapping[str, Any]) -> tuple[Any, ...]:
    return event["action"], event.get("digest"), event.get("tag")
