"""The topic `gcr`, ours and that of another Pub/Sub: what is published there, and by which member."""

import base64
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from docker_credential_gcr.emulator.google.pubsub.topic_gcr import GcrForwarder, GcrPublisher
from docker_credential_gcr.emulator.identity.google_services import (
    AGENTS,
    ARTIFACT_REGISTRY,
    CONTAINER_REGISTRY,
)
from docker_credential_gcr.emulator.settings import Limits

PubSub = Any
PROJECT = "my-project"
ADA = "user:ada@example.com"


class Event(NamedTuple):
    """An event as the outbox has it."""

    service: str
    message: dict[str, str]
    project: str = PROJECT
    member: str | None = ADA
    at_ms: int = 1_700_000_000_000

    def encode_message(self) -> str:
        return base64.b64encode(json.dumps(self.message).encode()).decode()


def push(service: str = CONTAINER_REGISTRY, tag: str = "v1", **more: Any) -> Event:
    return Event(service, {"action": "INSERT", "tag": f"gcr.io/{PROJECT}/app:{tag}"}, **more)


class Gcr:
    """The publisher, and a subscription of the topic."""

    def __init__(self, pubsub: PubSub) -> None:
        self.pubsub = pubsub
        pubsub.subscribe("images", topic="gcr")
        self._publisher: Any = GcrPublisher(Limits(pubsub_messages=100, pubsub_size=10_000), lambda *_: None)

    def publish(self, *events: Event) -> None:
        database = self.pubsub.apis.services.database
        database.write_now(lambda connection: self._publisher(connection, events))

    def read(self) -> list[Any]:
        """Returns the messages that are delivered, as JSON; they have no attributes."""
        received: Sequence[Any] = self.pubsub.pull("images")
        self.pubsub.acknowledge(received, "images") if received else None
        assert not any("attributes" in each["message"] for each in received)
        return [json.loads(base64.b64decode(each["message"]["data"])) for each in received]

    def switch(self, service: str, verb: str) -> None:
        self.pubsub.call("POST", f"services/{service}:{verb}", {})

    def revoke_all(self) -> None:
        """Empties the project's policy."""
        path = f"/v1/projects/{PROJECT}:setIamPolicy"
        reply = self.pubsub.apis.call("POST", path, {"policy": {"bindings": []}})
        assert reply.status == 200


class Elsewhere(Gcr):
    """What is given to another Pub/Sub."""

    def __init__(self, pubsub: PubSub) -> None:
        self.pubsub = pubsub
        self._given: list[Event] = []
        self._publisher = GcrForwarder[Event](lambda _, events: self._given.extend(events))

    def read(self) -> list[Any]:
        """Returns the messages since the last time."""
        given, self._given[:] = [event.message for event in self._given], []
        return given


@pytest.fixture(params=[Gcr, Elsewhere])
def gcr(pubsub: PubSub, request: pytest.FixtureRequest) -> Any:
    return request.param(pubsub)


def test_events_are_published_in_their_order_without_attributes(gcr: Gcr) -> None:
    gcr.publish(push(tag="v1"), push(tag="v2"), push(project="another"), push(tag="v3"))

    assert gcr.read() == [
        {"action": "INSERT", "tag": f"gcr.io/{PROJECT}/app:{tag}"} for tag in ("v1", "v2", "v3")
    ]


def test_a_project_without_the_topic_publishes_nothing(pubsub: PubSub) -> None:
    gcr = Gcr(pubsub)
    gcr.pubsub.call("DELETE", "topics/gcr")
    gcr.publish(push(), push(ARTIFACT_REGISTRY))

    assert gcr.read() == []


def test_another_pubsub_needs_no_topic_here(pubsub: PubSub) -> None:
    pubsub.call("DELETE", "topics/gcr")
    elsewhere = Elsewhere(pubsub)
    elsewhere.publish(push())

    assert len(elsewhere.read()) == 1


def test_the_topic_comes_with_container_registry_alone(pubsub: PubSub) -> None:
    pubsub.call("DELETE", "topics/gcr")
    pubsub.call("POST", f"services/{ARTIFACT_REGISTRY}:enable", {})
    assert pubsub.ask("GET", "topics/gcr").status == 404
    pubsub.call("POST", f"services/{CONTAINER_REGISTRY}:enable", {})

    assert pubsub.call("GET", "topics/gcr") == {"name": f"projects/{PROJECT}/topics/gcr"}


def test_the_agent_of_an_enabled_service_publishes(gcr: Gcr) -> None:
    for service in (CONTAINER_REGISTRY, ARTIFACT_REGISTRY):
        gcr.switch(service, "enable")
        gcr.publish(push(service))

    assert len(gcr.read()) == 2


def test_container_registry_without_its_agents_role_publishes_nothing_and_says_so_once(
    gcr: Gcr, caplog: Any
) -> None:
    gcr.switch(CONTAINER_REGISTRY, "enable")
    number = gcr.pubsub.apis.call("GET", f"/v1/projects/{PROJECT}").body["projectNumber"]
    member = AGENTS[CONTAINER_REGISTRY].format_member(number)
    gcr.revoke_all()
    gcr.publish(push())
    gcr.publish(push())

    assert gcr.read() == []
    assert [record.getMessage() for record in caplog.records] == [
        f"nothing is published to projects/{PROJECT}/topics/gcr: grant "
        f"roles/containerregistry.ServiceAgent to {member}"
    ]
    gcr.pubsub.apis.grant("roles/containerregistry.ServiceAgent", member)
    gcr.publish(push())
    assert len(gcr.read()) == 1


def test_artifact_registry_without_its_agents_role_publishes_as_the_caller(gcr: Gcr) -> None:
    gcr.switch(ARTIFACT_REGISTRY, "enable")
    gcr.revoke_all()
    gcr.publish(push(ARTIFACT_REGISTRY), push(ARTIFACT_REGISTRY, member=None))
    assert gcr.read() == []
    policy = {"bindings": [{"role": "roles/pubsub.publisher", "members": [ADA]}]}
    gcr.pubsub.call("POST", "topics/gcr:setIamPolicy", {"policy": policy})
    gcr.publish(push(ARTIFACT_REGISTRY), push(ARTIFACT_REGISTRY, member=None))

    assert len(gcr.read()) == 1


def test_nothing_is_published_while_pubsub_is_disabled(gcr: Gcr) -> None:
    gcr.switch("pubsub.googleapis.com", "disable")
    gcr.publish(push())
    gcr.switch("pubsub.googleapis.com", "enable")

    assert gcr.read() == []
