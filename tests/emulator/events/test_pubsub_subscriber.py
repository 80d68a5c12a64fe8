"""Google's Pub/Sub emulator as a subscriber: requests to a stub of it; row N15 by number."""

import asyncio
from contextlib import closing

import pytest
from support.servers.one_answer import OneAnswer
from support.servers.pubsub_stub import PubSubStub

from docker_credential_gcr.emulator.database.events.deliveries import WAITING, Delivery
from docker_credential_gcr.emulator.database.events.outbox import Event
from docker_credential_gcr.emulator.events.delivery_sender import Outcome
from docker_credential_gcr.emulator.events.pubsub_subscriber import PubSubSubscriber
from docker_credential_gcr.emulator.identity.google_services import ARTIFACT_REGISTRY, CONTAINER_REGISTRY
from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule

PROJECT = "my-project"
TOPIC = f"projects/{PROJECT}/topics/gcr"
APP = f"gcr.io/{PROJECT}/app"
PUBLISH, CREATE = f"POST /v1/{TOPIC}:publish", f"PUT /v1/{TOPIC}"
MISSING = Outcome(f"{TOPIC} does not exist there", 404, is_final=True)


@pytest.fixture
def stub():
    with closing(PubSubStub()) as found:
        yield found


@pytest.fixture
def subscriber(stub):
    return PubSubSubscriber(stub.address, OutgoingClient(OutgoingRule(loopback=True)))


def send(subscriber, service=CONTAINER_REGISTRY, tag="v1", project=PROJECT):
    event = Event(1000, "INSERT", project, service, APP, digest="sha256:ab", tag=tag)
    delivery = Delivery(1, "a", "pubsub", APP, event, WAITING, 1, 1000, None, None)
    return asyncio.run(subscriber.send(delivery))


def test_an_event_is_published_to_the_topic_that_is_there(stub, subscriber):
    stub.create_topic(PROJECT)
    assert send(subscriber, ARTIFACT_REGISTRY) == Outcome(status=200)
    assert stub.take() == [(TOPIC, {"action": "INSERT", "digest": f"{APP}@sha256:ab", "tag": f"{APP}:v1"})]
    assert stub.asked == [PUBLISH]


def test_n15_the_topic_of_container_registry_is_created_again(stub, subscriber):
    for tag in ("v1", "v2"):
        stub.topics.clear()
        assert send(subscriber, tag=tag) == Outcome(status=200)
    assert [message["tag"] for _, message in stub.take()] == [f"{APP}:v1", f"{APP}:v2"]
    assert stub.asked == [PUBLISH, CREATE, PUBLISH] * 2


def test_n15_without_the_topic_of_artifact_registry_an_event_is_dropped_and_the_log_says_so_once(
    stub, subscriber, caplog
):
    assert [send(subscriber, ARTIFACT_REGISTRY) for _ in range(2)] == [MISSING] * 2
    assert [record.getMessage() for record in caplog.records] == [
        f"{subscriber.label}: {TOPIC} does not exist there: create it, its events are dropped until then"
    ]
    stub.create_topic(PROJECT)
    assert send(subscriber, ARTIFACT_REGISTRY) == Outcome(status=200)
    stub.topics.clear()
    assert send(subscriber, ARTIFACT_REGISTRY) == MISSING
    assert len(caplog.records) == 2
    assert stub.asked == [PUBLISH] * 4


def test_a_topic_that_another_server_creates_first_is_taken(stub, subscriber):
    stub.create_topic(PROJECT)
    stub.statuses = [404]
    assert send(subscriber) == Outcome(status=200)
    assert stub.asked == [PUBLISH, CREATE, PUBLISH]


@pytest.mark.parametrize(
    ("statuses", "error"),
    [
        ([503], f"it does not publish to {TOPIC}, and answers 503"),
        ([404, 400], f"it does not create {TOPIC}, and answers 400"),
        ([404, 200, 404], f"it does not publish to {TOPIC}, and answers 404"),
    ],
)
def test_another_answer_is_an_attempt_that_failed(stub, subscriber, statuses, error):
    stub.statuses = list(statuses)
    outcome = send(subscriber)
    assert outcome == Outcome(f"{error}: is it Google's Pub/Sub emulator?", statuses[-1])
    assert stub.take() == []


@pytest.mark.parametrize(
    "body", ["Not Found", "[]", '{"error":"no"}', '{"error":{"status":"UNIMPLEMENTED"}}', '{"error":{}}']
)
def test_a_server_that_is_no_pubsub_drops_nothing(body):
    with closing(
        OneAnswer(f"HTTP/1.1 404 x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    ) as server:
        host, _, port = server.host.partition(":")
        outgoing = OutgoingClient(OutgoingRule(loopback=True))
        outcome = send(PubSubSubscriber((host, int(port)), outgoing), ARTIFACT_REGISTRY)
    error = f"it does not publish to {TOPIC}, and answers 404: is it Google's Pub/Sub emulator?"
    assert outcome == Outcome(error, 404)


def test_an_emulator_that_does_not_run_is_an_attempt_that_failed(stub, subscriber):
    stub.close()
    host, port = stub.address
    assert send(subscriber) == Outcome(f"cannot connect to {host}:{port}")


def test_the_rule_counts_at_each_request(stub):
    outcome = send(PubSubSubscriber(stub.address, OutgoingClient(OutgoingRule(loopback=False))))
    assert outcome.error is not None
    assert (outcome.is_final, stub.asked) == (False, [])


def test_a_project_in_a_domain_and_an_ipv6_address_are_in_their_forms(stub, subscriber):
    assert send(subscriber, project="example.com:app") == Outcome(status=200)
    assert [topic for topic, _ in stub.take()] == ["projects/example.com:app/topics/gcr"]
    six = PubSubSubscriber(("::1", 8085), OutgoingClient(OutgoingRule(loopback=True)))
    assert six.label == "the Pub/Sub emulator at [::1]:8085"
