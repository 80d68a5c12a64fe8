"""Pulling: deliveries, deadlines, order, dead letters, seek, limits."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from starlette.applications import Starlette

from docker_credential_gcr.emulator.google.app import routes

PubSub = Any
TextOf = Callable[[Any], str]
Loop = asyncio.AbstractEventLoop
DLQ = "projects/my-project/topics/dead"


def test_a_message_that_is_acknowledged_is_delivered_no_more(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("a", "b")
    received = pubsub.pull(count=1)
    pubsub.acknowledge(received)
    pubsub.turn_clock(11)

    assert pubsub.read() == ["b"]


def test_a_message_that_is_not_acknowledged_is_delivered_again_with_another_id(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("a")
    first = pubsub.pull()
    assert pubsub.pull() == []
    pubsub.turn_clock(10)
    second = pubsub.pull()

    assert [each["message"] for each in first] == [each["message"] for each in second]
    assert first[0]["ackId"] != second[0]["ackId"]
    pubsub.acknowledge(first)
    pubsub.turn_clock(10)
    assert pubsub.read() == ["a"]


def test_each_subscription_gets_every_message(pubsub: PubSub) -> None:
    pubsub.subscribe("one")
    pubsub.subscribe("two")
    pubsub.publish("a")

    pubsub.acknowledge(pubsub.pull("one"), "one")

    assert (pubsub.read("one"), pubsub.read("two")) == ([], ["a"])


def test_a_deadline_is_moved(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("a")
    pubsub.answer("modifyAckDeadline", pubsub.pull(), ackDeadlineSeconds=60)
    pubsub.turn_clock(59)
    assert pubsub.read() == []
    pubsub.turn_clock(1)

    assert pubsub.read() == ["a"]


def test_a_message_that_is_refused_is_delivered_again_at_once(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("a")
    pubsub.refuse(pubsub.pull())

    assert pubsub.read() == ["a"]


def test_a_retry_policy_delays_the_next_delivery_and_grows(pubsub: PubSub) -> None:
    pubsub.subscribe(retryPolicy={"minimumBackoff": "10s", "maximumBackoff": "15s"})
    pubsub.publish("a")
    for delay in (10, 15, 15):
        pubsub.refuse(pubsub.pull())
        pubsub.turn_clock(delay - 1)
        assert pubsub.read() == []
        pubsub.turn_clock(1)

    assert pubsub.read() == ["a"]


def test_an_old_ack_id_refuses_nothing(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("a")
    old = pubsub.pull()
    pubsub.turn_clock(10)
    pubsub.pull()
    pubsub.refuse(old)

    assert pubsub.read() == []


@pytest.mark.parametrize("ack_id", ["", "x", "MTox", "A" * 500, "LTE6YWI=", "MTo="])
def test_an_ack_id_that_none_was_is_refused_or_ignored(pubsub: PubSub, ack_id: str) -> None:
    pubsub.subscribe()

    reply = pubsub.ask("POST", "subscriptions/builds:acknowledge", {"ackIds": [ack_id]})

    assert reply.status == (200 if ack_id == "MTox" else 400)


def test_messages_with_one_key_are_delivered_in_order(pubsub: PubSub, text_of: TextOf) -> None:
    pubsub.subscribe(enableMessageOrdering=True)
    pubsub.publish("a1", "a2", "a3", key="a")
    pubsub.publish("b1", key="b")
    first = pubsub.pull(count=1)
    assert [text_of(each) for each in first] == ["a1"]
    assert pubsub.read() == ["b1"]
    pubsub.acknowledge(first)
    second = pubsub.pull()
    assert [text_of(each) for each in second] == ["a2", "a3"]
    pubsub.refuse(second[:1])

    assert pubsub.read() == ["a2", "a3"]


def test_without_ordering_a_key_holds_nothing_back(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("a1", "a2", key="a")
    pubsub.pull(count=1)

    assert pubsub.read() == ["a2"]


def test_a_filter_lets_only_its_messages_through(pubsub: PubSub) -> None:
    pubsub.subscribe(filter='attributes.kind = "push"')
    pubsub.publish("a", kind="push")
    pubsub.publish("b", kind="pull")

    assert pubsub.read() == ["a"]


@pytest.mark.parametrize("is_refused", [True, False])
def test_a_message_that_fails_too_often_goes_to_the_dead_letter_topic(
    pubsub: PubSub, is_refused: bool
) -> None:
    pubsub.call("PUT", "topics/dead", {})
    pubsub.subscribe("graves", topic="dead")
    policy = {"deadLetterTopic": DLQ, "maxDeliveryAttempts": 5}
    pubsub.subscribe(deadLetterPolicy=policy)
    pubsub.publish("a", kind="push")
    for attempt in range(1, 6):
        received = pubsub.pull()
        assert [each["deliveryAttempt"] for each in received] == [attempt]
        if is_refused:
            pubsub.refuse(received)
        else:
            pubsub.turn_clock(10)

    (letter,) = pubsub.pull("graves")

    attributes = letter["message"]["attributes"]
    assert letter["message"]["data"] == "YQ=="
    assert attributes == {
        "kind": "push",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "builds",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "my-project",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2023-11-14T22:13:20.000000Z",
    }
    pubsub.turn_clock(60)
    assert pubsub.read() == []


def test_a_message_stays_while_the_dead_letter_topic_is_gone(pubsub: PubSub) -> None:
    pubsub.call("PUT", "topics/dead", {})
    pubsub.subscribe(deadLetterPolicy={"deadLetterTopic": DLQ, "maxDeliveryAttempts": 5})
    pubsub.publish("a")
    pubsub.call("DELETE", "topics/dead")
    for _ in range(7):
        received = pubsub.pull()
        assert len(received) == 1
        pubsub.refuse(received)


def test_seek_to_an_instant_acknowledges_what_is_older(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("old")
    pubsub.turn_clock(60)
    pubsub.publish("new")
    pubsub.call("POST", "subscriptions/builds:seek", {"time": "2023-11-14T22:13:50Z"})

    assert pubsub.read() == ["new"]


def test_seek_back_delivers_retained_messages_again(pubsub: PubSub) -> None:
    pubsub.subscribe(retainAckedMessages=True)
    pubsub.publish("a")
    pubsub.acknowledge(pubsub.pull())
    assert pubsub.read() == []
    pubsub.call("POST", "subscriptions/builds:seek", {"time": "2023-11-14T22:13:20.000000000Z"})

    assert pubsub.read() == ["a"]


@pytest.mark.parametrize("time", [None, "", "yesterday", "2023-13-01T00:00:00Z", "9" * 50])
def test_seek_to_no_instant_is_refused(pubsub: PubSub, time: str | None) -> None:
    pubsub.subscribe()

    assert pubsub.ask("POST", "subscriptions/builds:seek", {"time": time}).status == 400
    assert pubsub.ask("POST", "subscriptions/builds:seek", {"snapshot": "s"}).status == 400


def test_n12_messages_are_kept_for_the_retention(pubsub: PubSub) -> None:
    pubsub.subscribe(messageRetentionDuration="600s")
    pubsub.publish("a")
    pubsub.turn_clock(600)
    assert pubsub.read() == ["a"]
    pubsub.turn_clock(10)

    assert pubsub.read() == []


@pytest.mark.parametrize(
    ("limit", "value"), [("pubsub_messages", 2), ("pubsub_size", 2)], ids=["messages", "bytes"]
)
def test_beyond_its_limit_a_subscription_loses_its_oldest_messages(
    pubsub: PubSub, caplog: Any, limit: str, value: int
) -> None:
    pubsub.subscribe()
    pubsub.limit(**{limit: value})
    pubsub.call("POST", "topics/news:publish", {"messages": [{"data": text} for text in ("YQ==", "Yg==")]})
    pubsub.publish("c")

    assert pubsub.read()[-1] == "c"
    assert len([record for record in caplog.records if "were dropped" in record.getMessage()]) >= 1


@pytest.mark.parametrize("count", [0, None])
def test_a_pull_of_no_messages_is_refused(pubsub: PubSub, count: int | None) -> None:
    pubsub.subscribe()

    assert pubsub.ask("POST", "subscriptions/builds:pull", {"maxMessages": count}).status == 400


def test_a_pull_without_messages_ends_after_its_time(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.limit(pull_wait_s=0.1)

    assert pubsub.call("POST", "subscriptions/builds:pull", {"maxMessages": 1}) == {}


class Client:
    """A client of one call in the event loop of the test; it closes when told."""

    def __init__(self, pubsub: PubSub, path: str, body: object) -> None:
        self._app = Starlette(routes=routes(pubsub.apis.services))
        self._path = f"/v1/projects/my-project/{path}"
        self._body = json.dumps(body).encode()
        self._gone = asyncio.Event()
        self._is_sent = False
        self._sent: list[dict[str, Any]] = []

    async def call(self) -> Any:
        """Returns the answer."""
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"localhost:5000")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 5000),
        }
        await self._app(scope, self._receive, self._send)
        return json.loads(self._sent[1]["body"])

    def close(self) -> None:
        self._gone.set()

    async def _receive(self) -> dict[str, Any]:
        if not self._is_sent:
            self._is_sent = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self._sent.append(message)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """Returns one event loop for all tests: a database that waits belongs to one."""
    with closing(asyncio.new_event_loop()) as made:
        yield made


PULL = "subscriptions/builds:pull"
HELLO = {"messages": [{"data": "aGVsbG8="}]}


def test_n13_a_pull_that_waits_gets_the_next_message(pubsub: PubSub, loop: Loop) -> None:
    pubsub.subscribe()

    async def run() -> Any:
        pulling = asyncio.create_task(Client(pubsub, PULL, {"maxMessages": 1}).call())
        await Client(pubsub, PULL, {"maxMessages": 1, "returnImmediately": True}).call()
        await Client(pubsub, "topics/news:publish", HELLO).call()
        return await pulling

    (received,) = loop.run_until_complete(run())["receivedMessages"]
    assert received["message"]["data"] == "aGVsbG8="


def test_n13_a_client_that_closes_in_mid_wait_takes_no_message(pubsub: PubSub, loop: Loop) -> None:
    pubsub.call("PUT", "topics/dead", {})
    pubsub.subscribe(deadLetterPolicy={"deadLetterTopic": DLQ, "maxDeliveryAttempts": 5})

    async def run() -> Any:
        client = Client(pubsub, PULL, {"maxMessages": 1})
        pulling = asyncio.create_task(client.call())
        await Client(pubsub, PULL, {"maxMessages": 1, "returnImmediately": True}).call()
        client.close()
        await Client(pubsub, "topics/news:publish", HELLO).call()
        return await pulling

    assert loop.run_until_complete(run()) == {}
    (received,) = pubsub.pull()
    assert received["deliveryAttempt"] == 1
