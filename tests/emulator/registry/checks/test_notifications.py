"""Checks of notifications: what a subscription of the topic `gcr` receives for each change of an image."""

import base64
import json
from contextlib import closing

import pytest
import requests
from google.auth.transport.requests import Request
from google.oauth2 import id_token
from support.backing_services import serve
from support.images import OCI_CONFIG, OCI_MANIFEST
from support.registry_client import RegistryClient
from support.servers.pubsub_stub import PubSubStub
from support.servers.push_receiver import PushReceiver

from docker_credential_gcr.emulator.settings import Settings

ASKED = [("POST", ":publish"), ("PUT", ""), ("POST", ":publish"), ("POST", ":publish")]


class Subscription:
    """A subscription of the topic `gcr`, pulled as gcloud does."""

    def __init__(self, url: str, **settings: object) -> None:
        self._url = f"{url}/v1/projects/my-project/subscriptions/images"
        body = {"topic": "projects/my-project/topics/gcr", **settings}
        requests.put(self._url, json=body, timeout=30).raise_for_status()

    def receive(self, count: int) -> list[dict[str, str]]:
        """Waits for so many messages, acknowledges them, and returns their data; they have no attributes."""
        found = []
        while len(found) < count:
            received = self.pull(at_once=False)
            self._post("acknowledge", {"ackIds": [each["ackId"] for each in received]})
            found += [each["message"] for each in received]
        assert not any("attributes" in message for message in found)
        return [json.loads(base64.b64decode(message["data"])) for message in found]

    def pull(self, *, at_once=True):
        """Returns what is delivered, at once or as soon as there is something."""
        body = {"maxMessages": 10, "returnImmediately": at_once}
        return self._post("pull", body).get("receivedMessages", [])

    def _post(self, verb: str, body: object):
        answer = requests.post(f"{self._url}:{verb}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()


def push(client: RegistryClient, name: str, tag: str) -> tuple[int, str]:
    """Pushes an image; returns the status and the digest."""
    config = client.push_blob(name, b"{}", OCI_CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    answer = send(client, name, "PUT", tag, json.dumps(manifest).encode())
    return answer.status_code, answer.headers["Docker-Content-Digest"]


def send(client, name, method, reference, data=None):
    token = client.token(f"repository:{name}:push,pull,delete")
    headers = {"Content-Type": OCI_MANIFEST}
    return client.call(method, f"/v2/{name}/manifests/{reference}", token=token, data=data, headers=headers)


def check_messages(client, name, told, subscription):
    _, digest = push(client, name, "v1")
    for reference in ("v1", digest):
        assert send(client, name, "DELETE", reference).status_code == 202
    assert subscription.receive(3) == [
        {"action": "INSERT", "digest": f"{told}@{digest}", "tag": f"{told}:v1"},
        {"action": "DELETE", "tag": f"{told}:v1"},
        {"action": "DELETE", "digest": f"{told}@{digest}"},
    ]


@pytest.fixture
def repository(gcr_emulator, account):
    """Returns the client of a repository of Artifact Registry, and its image."""
    gcr_emulator.repository("us", "r")
    return RegistryClient(gcr_emulator.url, account.basic, host="us-docker.pkg.dev"), "my-project/r/app"


def create_topic(gcr_emulator):
    url = f"{gcr_emulator.url}/v1/projects/my-project/topics/gcr"
    requests.put(url, json={}, timeout=30)


def test_check_58_container_registry_publishes_each_change_to_the_topic_that_it_made(gcr_emulator, account):
    client = RegistryClient(gcr_emulator.url, account.basic, host="gcr.io")
    check_messages(client, "my-project/app", "gcr.io/my-project/app", Subscription(gcr_emulator.url))


def test_a62_artifact_registry_publishes_each_change_to_the_topic_that_a_user_made(gcr_emulator, repository):
    create_topic(gcr_emulator)
    check_messages(*repository, "us-docker.pkg.dev/my-project/r/app", Subscription(gcr_emulator.url))


def test_a62_a_redirected_host_keeps_its_name(gcr_emulator, account):
    gcr_emulator.project(registry="artifact-registry")
    create_topic(gcr_emulator)
    client = RegistryClient(gcr_emulator.url, account.basic, host="gcr.io")
    check_messages(client, "my-project/app", "gcr.io/my-project/app", Subscription(gcr_emulator.url))


def test_a63_a_push_succeeds_without_the_topic(gcr_emulator, repository):
    url = f"{gcr_emulator.url}/v1/projects/my-project/topics/gcr"
    requests.delete(url, timeout=30)
    assert push(*repository, "v1")[0] == 201
    assert len(gcr_emulator.events()) == 1  # what it told was offered to the topics
    create_topic(gcr_emulator)
    subscription = Subscription(gcr_emulator.url)
    _, digest = push(*repository, "v2")
    told = "us-docker.pkg.dev/my-project/r/app"
    inserted = {"action": "INSERT", "digest": f"{told}@{digest}", "tag": f"{told}:v2"}
    assert subscription.receive(1) == [inserted]


@pytest.fixture
def stub():
    with closing(PubSubStub()) as found:
        yield found


def test_a63_a_push_succeeds_while_pubsub_is_down_and_is_told_afterwards(stub):
    settings = Settings(port=0, projects=("my-project",), open=True, pubsub=stub.address)
    stub.create_topic("my-project")
    stub.statuses = [503]
    with serve(settings) as ready:
        assert push(RegistryClient(ready.url, host="gcr.io"), "my-project/app", "v1")[0] == 201
        assert stub.wait()[1]["tag"] == "gcr.io/my-project/app:v1"
    assert len(stub.asked) == 2


def test_a64_googles_emulator_is_told_in_json_and_the_topics_here_are_not(stub):
    settings = Settings(port=0, projects=("my-project",), open=True, pubsub=stub.address)
    topic, name = "projects/my-project/topics/gcr", "gcr.io/my-project/app"
    with serve(settings) as ready:
        subscription = Subscription(ready.url)
        client = RegistryClient(ready.url, host="gcr.io")
        _, digest = push(client, "my-project/app", "v1")
        # The stub answers requests of another Content-Type as Google's emulator does: 404.
        inserted = {"action": "INSERT", "digest": f"{name}@{digest}", "tag": f"{name}:v1"}
        assert stub.wait() == (topic, inserted)
        assert send(client, "my-project/app", "DELETE", "v1").status_code == 202
        assert stub.wait() == (topic, {"action": "DELETE", "tag": f"{name}:v1"})
        assert subscription.pull() == []
    assert stub.asked == [f"{method} /v1/{topic}{verb}" for method, verb in ASKED]


def test_a65_a_push_subscription_sends_googles_token_until_204_acknowledges(gcr_emulator, repository):
    create_topic(gcr_emulator)
    email = json.loads(gcr_emulator.key("roles/viewer", account="pusher").read_text())["client_email"]
    with closing(PushReceiver()) as receiver:
        receiver.statuses = [500, 204, 204]
        oidc = {"serviceAccountEmail": email, "audience": "images"}
        Subscription(gcr_emulator.url, pushConfig={"pushEndpoint": receiver.url, "oidcToken": oidc})
        digests = [push(*repository, tag)[1] for tag in ("v1", "v2")]
        received = [receiver.wait() for _ in range(3)]

    name = "us-docker.pkg.dev/my-project/r/app"
    told = [json.loads(base64.b64decode(json.loads(each.body)["message"]["data"])) for each in received]
    messages = [
        {"action": "INSERT", "digest": f"{name}@{digest}", "tag": f"{name}:{tag}"}
        for digest, tag in zip(digests, ("v1", "v2"), strict=True)
    ]
    # The first was refused; either may come next.
    assert (told[0], sorted(told[1:], key=lambda each: each["tag"])) == (messages[0], messages)
    certificates = f"{gcr_emulator.url}/oauth2/v1/certs"
    for request in received:
        token = request.headers["authorization"].removeprefix("Bearer ")
        claims = id_token.verify_token(token, Request(), "images", certificates)
        assert (claims["email"], claims["email_verified"]) == (email, True)


def test_a66_the_subscriptions_of_a_topic_are_names(gcr_emulator):
    gcr_emulator.project()
    Subscription(gcr_emulator.url)
    url = f"{gcr_emulator.url}/v1/projects/my-project/topics/gcr/subscriptions"
    assert requests.get(url, timeout=30).json() == {
        "subscriptions": ["projects/my-project/subscriptions/images"]
    }
