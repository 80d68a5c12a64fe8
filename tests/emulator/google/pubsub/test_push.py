"""Push subscriptions: requests to real receivers, acknowledgements, back-off, tokens; rows N11, N14."""

import base64
import json
import time
from typing import Any

import pytest

from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule

PubSub = Any
Pusher = Any
NAME = "projects/my-project/subscriptions/builds"
ADA = "user:ada@example.com"
CI = "ci@my-project.iam.gserviceaccount.com"
YEAR_S = 365 * 24 * 3600


def read(request: Any) -> str:
    """Returns the text of a message that was pushed."""
    return base64.b64decode(json.loads(request.body)["message"]["data"]).decode()


def test_a_message_is_pushed_as_json_with_both_spellings(pubsub: PubSub, pusher: Pusher) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": f"{pusher.url}/hook?a=b"})
    (message_id,) = pubsub.publish("a", key="k", color="red")
    pusher.push()
    (request,) = pusher.take()

    instant = "2023-11-14T22:13:20.000000Z"
    assert (request.path, request.headers["content-type"]) == ("/hook?a=b", "application/json")
    assert "authorization" not in request.headers
    assert json.loads(request.body) == {
        "message": {
            "data": "YQ==",
            "attributes": {"color": "red"},
            "orderingKey": "k",
            **dict.fromkeys(("messageId", "message_id"), message_id),
            **dict.fromkeys(("publishTime", "publish_time"), instant),
        },
        "subscription": NAME,
    }
    pusher.push()
    assert pusher.take() == []


def test_an_unwrapped_message_has_its_attributes_as_headers(pubsub: PubSub, pusher: Pusher) -> None:
    push = {"pushEndpoint": pusher.url, "noWrapper": {"writeMetadata": True}}
    pubsub.subscribe(pushConfig=push)
    attributes = {"color": "red", "Authorization": "x", "Host": "x", "a b": "x", "line": "a\r\nb"}
    (message_id,) = pubsub.publish("text", **attributes)
    pusher.push()
    (request,) = pusher.take()

    assert request.body == b"text"
    assert (request.headers["color"], request.headers["x-goog-pubsub-message-id"]) == ("red", message_id)
    assert request.headers["x-goog-pubsub-subscription-name"] == NAME
    assert not {"authorization", "a b", "line"} & set(request.headers)
    assert request.headers["host"] in pusher.url


def test_an_unwrapped_message_has_no_metadata_by_default(pubsub: PubSub, pusher: Pusher) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url, "noWrapper": {}})
    pubsub.publish("text", color="red")
    pusher.push()
    (request,) = pusher.take()

    assert (request.body, "color" in request.headers) == (b"text", False)


@pytest.mark.parametrize("status", [102, 200, 201, 202, 204])
def test_n14_these_answers_acknowledge(pubsub: PubSub, pusher: Pusher, status: int) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    pubsub.publish("a")
    pusher.answers(status)
    pusher.push()
    pubsub.turn_clock(3600)
    pusher.push()

    assert len(pusher.take()) == 1


@pytest.mark.parametrize("status", [203, 206, 301, 400, 404, 429, 500, 503])
def test_n14_all_others_refuse(pubsub: PubSub, pusher: Pusher, status: int) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    pubsub.publish("a")
    pusher.answers(status)
    pusher.push()
    pubsub.turn_clock(1)
    pusher.push()

    assert list(map(read, pusher.take())) == ["a", "a"]


def test_n14_a_dead_endpoint_is_asked_less_and_less_for_all_its_messages(
    pubsub: PubSub, pusher: Pusher, caplog: pytest.LogCaptureFixture
) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    pubsub.publish("a", "b", "c")
    pusher.answers(*[500] * 12)
    delays = []
    for _ in range(12):
        before = pubsub.apis.clock.now()
        pusher.push()
        assert len(pusher.take()) == 1
        due = pusher.find_due()
        delays.append(round(due - before, 1))
        pubsub.apis.clock.set(due)
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]
    assert caplog.text.count("the endpoint answered 500") == 1
    pubsub.turn_clock(60)
    pusher.push()

    assert sorted(map(read, pusher.take())) == ["a", "b", "c"]


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 0.05), (0.5, 0.075)])
def test_up_to_half_of_a_delay_is_left_out_by_chance(
    pubsub: PubSub, pusher: Pusher, chance: float, delay: float
) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    pubsub.publish("a", "b")
    pusher.answers(500)
    pusher.chance = chance
    pusher.push()

    assert round(pusher.find_due() - pubsub.apis.clock.now(), 3) == delay


def test_each_attempt_that_is_refused_counts(pubsub: PubSub, pusher: Pusher) -> None:
    counted: list[tuple[str, int]] = []
    pusher.replace_services(count_pubsub=lambda *what: counted.append(what))
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    pubsub.publish("a")
    pusher.answers(500, 302)
    for _ in range(3):
        pusher.push()
        pubsub.turn_clock(1)

    assert (counted, len(pusher.take())) == ([("refused", 1)] * 2, 3)


def test_messages_with_a_key_are_pushed_in_their_order_after_a_failure(
    pubsub: PubSub, pusher: Pusher
) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url}, enableMessageOrdering=True)
    pubsub.publish("a", "b", "c", key="k")
    pusher.answers(200, 500)
    pusher.push()
    assert pusher.find_due() > pubsub.apis.clock.now()
    pubsub.turn_clock(1)
    pusher.push()

    assert list(map(read, pusher.take())) == ["a", "b", "b", "c"]


def test_a_retry_policy_says_when_a_message_is_sent_again(pubsub: PubSub, pusher: Pusher) -> None:
    policy = {"minimumBackoff": "10s", "maximumBackoff": "20s"}
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url}, retryPolicy=policy)
    pubsub.publish("a")
    pusher.answers(500, 500)
    for delay in (10, 20):
        pusher.push()
        assert pusher.find_due() == pubsub.apis.clock.now() + delay
        pubsub.turn_clock(delay)


def test_a_message_that_is_refused_too_often_goes_to_the_dead_letter_topic(
    pubsub: PubSub, pusher: Pusher
) -> None:
    pubsub.call("PUT", "topics/dead", {})
    pubsub.subscribe("letters", "dead")
    policy = {"deadLetterTopic": "projects/my-project/topics/dead", "maxDeliveryAttempts": 5}
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url}, deadLetterPolicy=policy)
    pubsub.publish("a")
    pusher.answers(*[500] * 5)
    for _ in range(7):
        pusher.push()
        pubsub.turn_clock(60)

    assert [json.loads(each.body)["deliveryAttempt"] for each in pusher.take()] == [1, 2, 3, 4, 5]
    assert pubsub.read("letters") == ["a"]


def test_without_the_lease_nothing_is_sent_or_counted(pubsub: PubSub, pusher: Pusher) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    pubsub.publish("a")
    pusher.is_lease_held = False
    pusher.push()

    assert pusher.take() == []


@pytest.mark.parametrize("retained", [True, False])
def test_messages_that_are_taken_together_are_sent_again_from_the_one_that_was_refused(
    pubsub: PubSub, pusher: Pusher, caplog: pytest.LogCaptureFixture, retained: bool
) -> None:
    letters = "projects/my-project/topics/letters"
    pubsub.call("PUT", "topics/letters", {})
    # deliveryAttempt is present with a dead-letter policy.
    policy = {"deadLetterTopic": letters, "maxDeliveryAttempts": 5}
    push = {"pushEndpoint": pusher.url}
    pubsub.subscribe(pushConfig=push, deadLetterPolicy=policy, retainAckedMessages=retained)
    pubsub.publish(*"abcdefg")
    # One, then two, then four together: the second of these is refused.
    pusher.answers(200, 200, 200, 200, 500)
    pusher.push()
    assert [read(each) for each in pusher.take()] == [*"abcde"]
    pubsub.turn_clock(1)
    pusher.push()

    told = [(read(each), json.loads(each.body)["deliveryAttempt"]) for each in pusher.take()]
    assert told == [("e", 2), ("f", 1), ("g", 1)]
    assert pusher.find_due() is None
    assert "came too late" not in caplog.text


def test_n2_the_next_holder_of_the_lease_sends_at_once_what_the_last_one_had_begun(
    pubsub: PubSub, pusher: Pusher, caplog: pytest.LogCaptureFixture
) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    pubsub.publish("a", "b")

    async def lose_lease(_host: str, _port: int) -> list[str]:
        pusher.is_lease_held = False
        assert await pusher.push_as("second", pubsub.apis.services) == pubsub.apis.clock.now()
        return ["127.0.0.1"]

    pusher.replace_services(outgoing=OutgoingClient(OutgoingRule(True), resolve=lose_lease))
    pusher.push()

    # The last one is the request of the first holder, which goes on.
    assert [read(each) for each in pusher.take()] == ["a", "b", "a"]
    assert f"an answer for {NAME} came too late and is not recorded" in caplog.text
    assert pusher.find_due() is None


def test_a_subscription_is_pulled_again_without_its_endpoint(pubsub: PubSub, pusher: Pusher) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    body = {"maxMessages": 1, "returnImmediately": True}
    assert pubsub.ask("POST", "subscriptions/builds:pull", body).status == 400
    pubsub.call("POST", "subscriptions/builds:modifyPushConfig", {"pushConfig": {}})
    pubsub.publish("a")
    pusher.push()

    assert (pusher.take(), pubsub.read()) == ([], ["a"])


def test_n11_a_token_has_the_real_time_and_google_auth_accepts_it(
    pubsub: PubSub, pusher: Pusher, verify: Any
) -> None:
    pubsub.apis.clock.set(time.time() + YEAR_S)
    pubsub.apis.make_account()
    token_of = {"serviceAccountEmail": CI}
    push = {"pushEndpoint": pusher.url}
    pubsub.subscribe(pushConfig={**push, "oidcToken": token_of})
    pubsub.publish("a")
    pusher.push()
    changed = {"pushConfig": {**push, "oidcToken": {**token_of, "audience": "me"}}}
    pubsub.call("POST", "subscriptions/builds:modifyPushConfig", changed)
    pubsub.publish("b")
    pusher.push()

    first, second = (each.headers["authorization"] for each in pusher.take())
    scheme, _, token = first.partition(" ")
    claims = verify(token, pusher.url)
    path = f"/v1/projects/my-project/serviceAccounts/{CI}"
    unique_id = pubsub.apis.call("GET", path).body["uniqueId"]
    assert scheme == "Bearer"
    assert (claims["iss"], claims["email"], claims["email_verified"], claims["azp"], claims["sub"]) == (
        "https://accounts.google.com",
        CI,
        True,
        unique_id,
        unique_id,
    )
    assert verify(second.partition(" ")[2], "me")["aud"] == "me"


def test_nothing_is_sent_for_an_account_that_is_disabled(pubsub: PubSub, pusher: Pusher) -> None:
    pubsub.apis.make_account()
    pubsub.subscribe(
        pushConfig={"pushEndpoint": pusher.url, "oidcToken": {"serviceAccountEmail": CI}},
    )
    pubsub.apis.call("POST", f"/v1/projects/my-project/serviceAccounts/{CI}:disable")
    pubsub.publish("a")
    pusher.push()
    assert pusher.take() == []
    pubsub.apis.call("POST", f"/v1/projects/my-project/serviceAccounts/{CI}:enable")
    pubsub.turn_clock(1)
    pusher.push()

    assert len(pusher.take()) == 1


def test_the_account_of_a_token_must_be_one_that_the_caller_may_act_as(pubsub: PubSub) -> None:
    pubsub.apis.make_account()
    pubsub.apis.grant("roles/pubsub.editor", ADA)
    push = {"pushEndpoint": "http://127.0.0.1:1", "oidcToken": {"serviceAccountEmail": CI}}
    body, token = (
        {"topic": "projects/my-project/topics/news", "pushConfig": push},
        pubsub.apis.sign_in(ADA),
    )
    assert pubsub.ask("PUT", "subscriptions/builds", body, token).status == 403
    pubsub.apis.allow("roles/iam.serviceAccountUser", ADA, CI)
    assert pubsub.ask("PUT", "subscriptions/builds", body, token).status == 200
    unknown = {**push, "oidcToken": {"serviceAccountEmail": "no@my-project.iam.gserviceaccount.com"}}
    change = {"pushConfig": unknown}
    assert pubsub.ask("POST", "subscriptions/builds:modifyPushConfig", change, token).status == 403
    assert pubsub.ask("POST", "subscriptions/builds:modifyPushConfig", change).status == 400


@pytest.mark.parametrize(
    "push",
    [
        {"pushEndpoint": "http://192.0.2.1/"},
        {"pushEndpoint": "http://169.254.169.254/computeMetadata/v1/"},
        {"pushEndpoint": "ftp://127.0.0.1/"},
        {"pushEndpoint": "http://127.0.0.1:1/", "noWrapper": {}, "pubsubWrapper": {}},
    ],
)
def test_an_endpoint_that_the_server_may_not_reach_is_refused(pubsub: PubSub, push: Any) -> None:
    topic = {"topic": "projects/my-project/topics/news"}
    assert pubsub.ask("PUT", "subscriptions/builds", {**topic, "pushConfig": push}).status == 400
    pubsub.subscribe()
    change = {"pushConfig": push}
    assert pubsub.ask("POST", "subscriptions/builds:modifyPushConfig", change).status == 400
    patch = {"subscription": change, "updateMask": "pushConfig"}
    assert pubsub.ask("PATCH", "subscriptions/builds", patch).status == 400


def test_a_caller_without_the_permission_learns_nothing_about_hosts(pubsub: PubSub) -> None:
    pubsub.subscribe()
    token, push = pubsub.apis.sign_in(ADA), {"pushConfig": {"pushEndpoint": "http://192.0.2.1/"}}
    assert pubsub.ask("POST", "subscriptions/builds:modifyPushConfig", push, token).status == 403
    topic = {"topic": "projects/my-project/topics/news"}
    assert pubsub.ask("PUT", "subscriptions/other", {**topic, **push}, token).status == 403


def test_the_rule_counts_at_each_request(pubsub: PubSub, pusher: Pusher) -> None:
    pubsub.subscribe(pushConfig={"pushEndpoint": pusher.url})
    pubsub.publish("a")
    pusher.replace_services(outgoing=OutgoingClient(OutgoingRule(loopback=False)))
    pusher.push()

    assert pusher.take() == []
