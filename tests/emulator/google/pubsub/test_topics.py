"""Topics of Pub/Sub: created, listed, changed, deleted; what is published."""

from typing import Any

import pytest

PubSub = Any
NAME = "projects/my-project/topics/news"
EMPTY = {"messages": [{"data": ""}]}


def test_a_topic_is_created_shown_and_deleted(pubsub: PubSub) -> None:
    assert pubsub.call("PUT", "topics/more", {"labels": {"env": "test"}}) == {
        "name": "projects/my-project/topics/more",
        "labels": {"env": "test"},
    }
    assert pubsub.call("GET", "topics/news") == {"name": NAME}
    assert pubsub.call("DELETE", "topics/news") == {}

    reply = pubsub.ask("GET", "topics/news")

    error = {"code": 404, "message": "Resource not found (resource=news).", "status": "NOT_FOUND"}
    assert (reply.status, reply.body) == (404, {"error": error})


def test_a_topic_that_exists_is_not_created_again(pubsub: PubSub) -> None:
    reply = pubsub.ask("PUT", "topics/news", {})

    assert (reply.status, reply.body["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert reply.body["error"]["message"] == "Resource already exists in the project (resource=news)."


@pytest.mark.parametrize("name", ["ab", "1abc", "google-news", "Goog", "a%20b", "a" * 256, "abc,"])
def test_an_id_that_breaks_the_rule_is_refused(pubsub: PubSub, name: str) -> None:
    assert pubsub.ask("PUT", f"topics/{name}", {}).status == 400
    body = {"topic": NAME}
    assert pubsub.ask("PUT", f"subscriptions/{name}", body).status == 400


@pytest.mark.parametrize("name", ["abc", "A-1._~+", "a%25b", "a" * 255])
def test_an_id_that_keeps_the_rule_is_accepted(pubsub: PubSub, name: str) -> None:
    pubsub.call("PUT", f"topics/{name}", {})

    assert pubsub.call("GET", f"topics/{name}")["name"].endswith(name.replace("%25", "%"))


def test_topics_are_listed_in_pages(pubsub: PubSub) -> None:
    for name in ("aaa", "zzz"):
        pubsub.call("PUT", f"topics/{name}", {})
    names, token = [], ""
    while True:
        page = pubsub.call("GET", f"topics?pageSize=1&pageToken={token}")
        names += [each["name"].rpartition("/")[2] for each in page["topics"]]
        token = page.get("nextPageToken")
        if token is None:
            break

    assert [name for name in names if name != "gcr"] == ["aaa", "news", "zzz"]


def test_a_patch_changes_what_its_mask_names(pubsub: PubSub) -> None:
    topic = {"name": NAME, "labels": {"a": "b"}, "messageRetentionDuration": "600s"}
    changed = pubsub.call("PATCH", "topics/news", {"topic": topic, "updateMask": "labels"})

    assert changed == pubsub.call("GET", "topics/news") == {"name": NAME, "labels": {"a": "b"}}
    assert pubsub.ask("PATCH", "topics/news", {"topic": topic}).status == 400
    assert pubsub.ask("PATCH", "topics/news", {"topic": topic, "updateMask": "nothing"}).status == 400


def test_subscriptions_of_a_topic_are_listed_as_strings(pubsub: PubSub) -> None:
    pubsub.subscribe("one")
    pubsub.subscribe("two")

    assert pubsub.call("GET", "topics/news/subscriptions") == {
        "subscriptions": [f"projects/my-project/subscriptions/{name}" for name in ("one", "two")]
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        EMPTY,
        {"messages": [{"data": "*"}]},
        {"messages": [{"data": "YQ=="}] * 1001},
        {"messages": [{"attributes": {"k" * 257: "v"}}]},
        {"messages": [{"attributes": {"k": "v" * 1025}}]},
        {"messages": [{"attributes": {"googclient": "v"}}]},
        {"messages": [{"attributes": {f"k{number}": "v" for number in range(101)}}]},
        {"messages": [{"data": "YQ==", "orderingKey": "k" * 1025}]},
        {"messages": [{"data": "YQ==", "more": 1}]},
    ],
    ids=lambda body: str(body)[:60],
)
def test_what_cannot_be_published_is_refused(pubsub: PubSub, body: Any) -> None:
    reply = pubsub.ask("POST", "topics/news:publish", body)

    assert (reply.status, reply.body["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_a_request_of_more_than_ten_megabytes_is_refused(pubsub: PubSub) -> None:
    data = "A" * 4_000_000
    body = {"messages": [{"data": data}] * 3}

    assert pubsub.ask("POST", "topics/news:publish", body).status == 200
    assert pubsub.ask("POST", "topics/news:publish", {"messages": [{"data": data}] * 4}).status in (400, 413)


def test_data_in_either_alphabet_is_delivered_in_protobufs(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.call("POST", "topics/news:publish", {"messages": [{"data": "-_8"}, {"data": "+/8="}]})

    assert [each["message"]["data"] for each in pubsub.pull()] == ["+/8=", "+/8="]


def test_a_message_has_an_id_and_the_instant_of_the_emulators_clock(pubsub: PubSub) -> None:
    pubsub.subscribe()
    published = pubsub.publish("hello", kind="greeting")

    (received,) = pubsub.pull()

    assert received["message"] == {
        "data": "aGVsbG8=",
        "attributes": {"kind": "greeting"},
        "messageId": published[0],
        "publishTime": "2023-11-14T22:13:20.000000Z",
    }
    assert published[0].isdigit()
    assert "deliveryAttempt" not in received


def test_a_message_without_a_subscription_is_stored_nowhere(pubsub: PubSub) -> None:
    assert len(pubsub.publish("a", "b")) == 2
    pubsub.subscribe()

    assert pubsub.read() == []
