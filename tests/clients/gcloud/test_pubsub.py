"""The real gcloud creates topics and subscriptions of Pub/Sub, publishes, pulls and shares."""

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from clients.command import Client
from google.auth.transport.requests import Request
from google.oauth2 import id_token
from support.servers.push_receiver import PushReceiver

from docker_credential_gcr.pytest_plugin import GcrEmulator

pytestmark = pytest.mark.in_turn

Ask = Callable[..., Any]
TOPICS, SUBSCRIPTIONS = ("pubsub", "topics"), ("pubsub", "subscriptions")
MEMBER, PUBLISHER = "user:ada@example.com", "roles/pubsub.publisher"


@pytest.fixture(autouse=True)
def _project(gcr_emulator: GcrEmulator) -> None:
    gcr_emulator.project()


def test_a_message_is_published_and_pulled(ask: Ask) -> None:
    ask(*TOPICS, "create", "news")
    (made,) = ask(*SUBSCRIPTIONS, "create", "builds", "--topic=news", "--expiration-period=never")
    published = ask(*TOPICS, "publish", "news", "--message=hello", "--attribute=kind=greeting")

    (received,) = ask(*SUBSCRIPTIONS, "pull", "builds", "--auto-ack")

    assert made["expirationPolicy"] == {}
    assert received["message"]["data"] == "aGVsbG8="
    assert received["message"]["attributes"] == {"kind": "greeting"}
    assert [received["message"]["messageId"]] == published["messageIds"]
    assert [each["name"] for each in ask(*SUBSCRIPTIONS, "list")] == [
        "projects/my-project/subscriptions/builds"
    ]


def test_the_topic_of_container_registry_is_there(ask: Ask) -> None:
    assert [each["name"] for each in ask(*TOPICS, "list")] == ["projects/my-project/topics/gcr"]


def test_subscriptions_of_a_topic_are_listed_changed_and_deleted(gcloud: Client, ask: Ask) -> None:
    gcloud.succeed(*SUBSCRIPTIONS, "create", "builds", "--topic=gcr", "--ack-deadline=20")
    assert ask(*TOPICS, "list-subscriptions", "gcr") == ["projects/my-project/subscriptions/builds"]
    gcloud.succeed(*SUBSCRIPTIONS, "update", "builds", "--ack-deadline=30")
    assert ask(*SUBSCRIPTIONS, "describe", "builds")["ackDeadlineSeconds"] == 30
    gcloud.succeed(*SUBSCRIPTIONS, "seek", "builds", "--time=2026-01-01T00:00:00Z")
    gcloud.succeed(*SUBSCRIPTIONS, "delete", "builds")
    gcloud.succeed(*TOPICS, "delete", "gcr")

    assert ask(*SUBSCRIPTIONS, "list") == ask(*TOPICS, "list") == []


def test_a_message_is_pushed_with_a_token_that_google_auth_accepts(
    gcr_emulator: GcrEmulator, gcloud: Client, ask: Ask
) -> None:
    account = json.loads(gcr_emulator.key("roles/viewer", account="pusher").read_text())["client_email"]
    with closing(PushReceiver()) as receiver:
        push = (f"--push-endpoint={receiver.url}/hook", f"--push-auth-service-account={account}")
        (made,) = ask(*SUBSCRIPTIONS, "create", "builds", "--topic=gcr", *push)
        gcloud.succeed(*TOPICS, "publish", "gcr", "--message=hello")
        request = receiver.wait()

    assert made["pushConfig"] == {
        "pushEndpoint": f"{receiver.url}/hook",
        "oidcToken": {"serviceAccountEmail": account},
    }
    assert json.loads(request.body)["message"]["data"] == "aGVsbG8="
    token = request.headers["authorization"].removeprefix("Bearer ")
    certificates = f"{gcr_emulator.url}/oauth2/v1/certs"
    claims = id_token.verify_token(token, Request(), f"{receiver.url}/hook", certificates)
    assert claims["email"] == account


def test_a_role_on_a_topic_is_granted_and_taken_back(ask: Ask) -> None:
    grant = (f"--member={MEMBER}", f"--role={PUBLISHER}")

    policy = ask(*TOPICS, "add-iam-policy-binding", "gcr", *grant)

    assert policy["bindings"] == [{"role": PUBLISHER, "members": [MEMBER]}]
    assert "bindings" not in ask(*TOPICS, "remove-iam-policy-binding", "gcr", *grant)
