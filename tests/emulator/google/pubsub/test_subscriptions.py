"""Subscriptions of Pub/Sub: their settings, deletions, detaching, expiry and IAM."""

from dataclasses import replace
from typing import Any

import pytest

PubSub = Any
TOPIC = "projects/my-project/topics/news"
NAME = "projects/my-project/subscriptions/builds"
DAY_S = 24 * 3600
DEFAULTS = {
    "name": NAME,
    "topic": TOPIC,
    "pushConfig": {},
    "ackDeadlineSeconds": 10,
    "messageRetentionDuration": "604800s",
    "expirationPolicy": {"ttl": "2678400s"},
    "state": "ACTIVE",
}


def test_a_subscription_has_googles_defaults(pubsub: PubSub) -> None:
    assert pubsub.subscribe() == DEFAULTS
    assert pubsub.call("GET", "subscriptions/builds") == DEFAULTS
    assert pubsub.call("GET", "subscriptions") == {"subscriptions": [DEFAULTS]}


def test_settings_are_stored_and_shown(pubsub: PubSub) -> None:
    settings = {
        "ackDeadlineSeconds": 600,
        "retainAckedMessages": True,
        "messageRetentionDuration": "600s",
        "labels": {"env": "test"},
        "enableMessageOrdering": True,
        "expirationPolicy": {},
        "filter": 'attributes.a = "b"',
        "deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 5},
        "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
        "enableExactlyOnceDelivery": True,
    }

    assert pubsub.subscribe(**settings) == {**DEFAULTS, **settings}


@pytest.mark.parametrize(
    "settings",
    [
        {"topic": "news"},
        {"topic": "projects/my-project/subscriptions/news"},
        {"ackDeadlineSeconds": 9},
        {"ackDeadlineSeconds": 601},
        {"messageRetentionDuration": "599s"},
        {"messageRetentionDuration": "2678401s"},
        {"expirationPolicy": {"ttl": "86399s"}},
        {"expirationPolicy": {"ttl": "86400s"}},  # less than the retention
        {"filter": "attributes"},
        {"deadLetterPolicy": {"maxDeliveryAttempts": 5}},
        {"deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 4}},
        {"deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 101}},
        {"retryPolicy": {"minimumBackoff": "601s"}},
        {"retryPolicy": {"minimumBackoff": "20s", "maximumBackoff": "10s"}},
        {"bigqueryConfig": {"table": "t"}},
        {"more": 1},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(pubsub: PubSub, settings: Any) -> None:
    reply = pubsub.ask("PUT", "subscriptions/builds", {"topic": TOPIC, **settings})

    assert (reply.status, reply.body["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_a_topic_that_is_missing_has_no_subscription(pubsub: PubSub) -> None:
    reply = pubsub.ask("PUT", "subscriptions/builds", {"topic": f"{TOPIC}-not"})

    assert (reply.status, reply.body["error"]["message"]) == (404, "Resource not found (resource=news-not).")


def test_a_patch_changes_what_its_mask_names(pubsub: PubSub) -> None:
    pubsub.subscribe()
    changes = {"ackDeadlineSeconds": 20, "labels": {"a": "b"}}
    body = {"subscription": changes, "updateMask": "ackDeadlineSeconds"}

    assert pubsub.call("PATCH", "subscriptions/builds", body) == {**DEFAULTS, "ackDeadlineSeconds": 20}


@pytest.mark.parametrize(("field", "value"), [("filter", "attributes:a"), ("enableMessageOrdering", True)])
def test_what_is_fixed_cannot_be_changed(pubsub: PubSub, field: str, value: Any) -> None:
    pubsub.subscribe()
    body = {"subscription": {field: value}, "updateMask": field}

    assert pubsub.ask("PATCH", "subscriptions/builds", body).status == 400


def test_a_deleted_topic_leaves_its_subscriptions_with_their_messages(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("before")
    pubsub.call("DELETE", "topics/news")
    pubsub.call("PUT", "topics/news", {})
    pubsub.publish("after")

    assert pubsub.call("GET", "subscriptions/builds")["topic"] == "_deleted-topic_"
    assert pubsub.read() == ["before"]


def test_a_deleted_subscription_takes_only_its_own_messages_away(pubsub: PubSub) -> None:
    pubsub.subscribe("one")
    pubsub.subscribe("two")
    pubsub.publish("hello")
    pubsub.call("DELETE", "subscriptions/one")

    assert pubsub.ask("GET", "subscriptions/one").status == 404
    assert pubsub.read("two") == ["hello"]


def test_a_detached_subscription_gets_no_messages(pubsub: PubSub) -> None:
    pubsub.subscribe()
    pubsub.publish("hello")
    assert pubsub.call("POST", "subscriptions/builds:detach", {}) == {}
    pubsub.publish("more")

    reply = pubsub.ask("POST", "subscriptions/builds:pull", {"maxMessages": 1})

    assert (reply.status, reply.body["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert pubsub.call("GET", "subscriptions/builds")["detached"] is True
    assert pubsub.call("GET", "topics/news/subscriptions") == {}


def test_n12_a_subscription_that_is_not_used_expires_with_a_log_line(pubsub: PubSub, caplog: Any) -> None:
    pubsub.subscribe()
    pubsub.subscribe("kept", expirationPolicy={})
    counted = []
    pubsub.apis.services = replace(
        pubsub.apis.services, count_pubsub=lambda result, count: counted.append((result, count))
    )
    pubsub.turn_clock(40 * DAY_S)

    assert pubsub.ask("GET", "subscriptions/builds").status == 404
    assert pubsub.call("GET", "subscriptions/kept")["expirationPolicy"] == {}
    assert [record.getMessage() for record in caplog.records] == [
        f"{NAME} expired, with its messages: no subscriber used it for the ttl of its expirationPolicy"
    ]
    assert counted == [("expired", 1)]


def test_n12_a_subscription_that_is_used_does_not_expire(pubsub: PubSub) -> None:
    pubsub.subscribe()
    for _ in range(3):
        pubsub.turn_clock(20 * DAY_S)
        pubsub.pull()

    assert pubsub.ask("GET", "subscriptions/builds").status == 200


@pytest.mark.parametrize("path", ["topics/news", "subscriptions/builds"])
def test_a_role_is_granted_on_one_topic_or_subscription(pubsub: PubSub, path: str) -> None:
    pubsub.subscribe()
    kind = path.partition("/")[0]
    permission = {"topics": "pubsub.topics.publish", "subscriptions": "pubsub.subscriptions.consume"}[kind]
    role = {"topics": "roles/pubsub.publisher", "subscriptions": "roles/pubsub.subscriber"}[kind]
    key = pubsub.apis.make_key()
    token = pubsub.apis.fetch_token(key)
    asked = {"permissions": [permission]}
    assert pubsub.ask("POST", f"{path}:testIamPermissions", asked, token).body == {}

    policy = {"bindings": [{"role": role, "members": [f"serviceAccount:{key['client_email']}"]}]}
    pubsub.call("POST", f"{path}:setIamPolicy", {"policy": policy})

    assert pubsub.call("GET", f"{path}:getIamPolicy")["bindings"] == policy["bindings"]
    assert pubsub.ask("POST", f"{path}:testIamPermissions", asked, token).body == asked
    wrong = {"policy": {"bindings": [{"role": "roles/storage.admin", "members": ["allUsers"]}]}}
    assert pubsub.ask("POST", f"{path}:setIamPolicy", wrong).status == 400


def test_the_policy_of_a_deleted_topic_does_not_count_for_the_next(pubsub: PubSub) -> None:
    policy = {"bindings": [{"role": "roles/pubsub.publisher", "members": ["allAuthenticatedUsers"]}]}
    pubsub.call("POST", "topics/news:setIamPolicy", {"policy": policy})
    pubsub.call("DELETE", "topics/news")
    pubsub.call("PUT", "topics/news", {})

    assert "bindings" not in pubsub.call("GET", "topics/news:getIamPolicy")


def test_a_subscriber_needs_the_topic_too(pubsub: PubSub) -> None:
    email = pubsub.apis.make_account("ci", "other-project", "roles/pubsub.editor")
    token = pubsub.apis.sign_in(f"serviceAccount:{email}")
    path = "/v1/projects/other-project/subscriptions/builds"
    body = {"topic": TOPIC}
    refused = pubsub.apis.call("PUT", path, body, token)

    pubsub.apis.grant("roles/pubsub.subscriber", f"serviceAccount:{email}")

    assert (refused.status, refused.body["error"]["message"]) == (
        403,
        "User not authorized to perform this action.",
    )
    assert pubsub.apis.call("PUT", path, body, token).body["topic"] == TOPIC


def test_dead_letters_go_only_where_the_caller_may_publish(pubsub: PubSub) -> None:
    email = pubsub.apis.make_account("ci", "other-project", "roles/pubsub.editor")
    token = pubsub.apis.sign_in(f"serviceAccount:{email}")
    path = "/v1/projects/other-project"
    pubsub.apis.call("PUT", f"{path}/topics/own", {}, token)
    body = {"topic": "projects/other-project/topics/own", "deadLetterPolicy": {"deadLetterTopic": TOPIC}}

    refused = pubsub.apis.call("PUT", f"{path}/subscriptions/builds", body, token)

    assert (refused.status, refused.body["error"]["status"]) == (403, "PERMISSION_DENIED")
    pubsub.apis.grant("roles/pubsub.publisher", f"serviceAccount:{email}")
    made = pubsub.apis.call("PUT", f"{path}/subscriptions/builds", body, token).body
    assert made["deadLetterPolicy"] == {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 5}
