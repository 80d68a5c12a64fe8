"""Formats of webhooks, each document whole, and the signature; rows N5, N7, N8 and N10 by number."""

import hashlib
import hmac
import json

import pytest

from docker_credential_gcr.emulator.database.events.outbox import DELETE, INSERT, Event
from docker_credential_gcr.emulator.database.events.webhooks import FORMATS
from docker_credential_gcr.emulator.events.webhook_formats import format_request, sign

DIGEST = f"sha256:{'6e' * 32}"
MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.events.v2+json"
CLOUD_EVENTS = "application/cloudevents+json"

IMAGE = Event(
    1_767_225_600_500,
    INSERT,
    "my-project",
    "containerregistry.googleapis.com",
    "gcr.io/my-project/app",
    digest=DIGEST,
    tag="v1",
    media_type=MEDIA_TYPE,
    size=424,
    member="user:a@example.com",
    id=12,
)
CHILD = IMAGE._replace(tag=None)
UNTAGGED = IMAGE._replace(action=DELETE, digest=None, media_type=None, size=None)
# By garbage collection.
COLLECTED = IMAGE._replace(
    action=DELETE,
    service="artifactregistry.googleapis.com",
    repository="us-docker.pkg.dev/my-project/images/deep/app",
    tag=None,
    member=None,
)

TARGET = {"mediaType": MEDIA_TYPE, "size": 424, "length": 424, "digest": DIGEST}
URL = f"https://gcr.io/v2/my-project/app/manifests/{DIGEST}"
APP = {"repository": "my-project/app"}


def read(webhook_format, event):
    media_type, body = format_request(webhook_format, event, "5f0c")
    return media_type, json.loads(body)


@pytest.mark.parametrize(
    ("event", "action", "target"),
    [
        (IMAGE, "push", {**TARGET, **APP, "url": URL, "tag": "v1"}),
        (CHILD, "push", {**TARGET, **APP, "url": URL}),
        (UNTAGGED, "delete", {**APP, "tag": "v1"}),
        (COLLECTED, "delete", {**TARGET, "repository": "my-project/images/deep/app"}),
    ],
    ids=["N8-image", "N5-child", "N7-tag", "N7-digest"],
)
def test_docker_is_distributions_envelope(event, action, target):
    host = event.repository.partition("/")[0]
    document = {
        "id": "5f0c",
        "timestamp": "2026-01-01T00:00:00.500Z",
        "action": action,
        "target": target,
        "request": {"host": host},
        "actor": {} if event.member is None else {"name": "user:a@example.com"},
        "source": {"addr": host},
    }
    assert read("docker", event) == (DOCKER, {"events": [document]})


@pytest.mark.parametrize(
    ("event", "event_type", "service", "subject"),
    [
        (IMAGE, "insert", "containerregistry", "gcr.io/my-project/app:v1"),
        (CHILD, "insert", "containerregistry", f"gcr.io/my-project/app@{DIGEST}"),
        (UNTAGGED, "delete", "containerregistry", "gcr.io/my-project/app:v1"),
        (
            COLLECTED,
            "delete",
            "artifactregistry",
            f"us-docker.pkg.dev/my-project/images/deep/app@{DIGEST}",
        ),
    ],
    ids=["image", "child", "tag", "digest"],
)
def test_n8_cloudevents_is_structured_with_the_event_as_its_data(event, event_type, service, subject):
    document = {
        "specversion": "1.0",
        "id": "5f0c",
        "type": f"gcr-emulator.image.{event_type}",
        "source": f"//{service}.googleapis.com/projects/my-project",
        "subject": subject,
        "time": "2026-01-01T00:00:00.500Z",
        "datacontenttype": "application/json",
        "data": event.format_document(),
    }
    assert read("cloudevents", event) == (CLOUD_EVENTS, document)


@pytest.mark.parametrize(
    ("at_ms", "time"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-36_920_448_000_000, "0800-01-15T00:00:00.000Z"),
        (253_402_300_799_007, "9999-12-31T23:59:59.007Z"),
    ],
)
def test_an_instant_has_four_digits_of_its_year_and_milliseconds(at_ms, time):
    event = IMAGE._replace(at_ms=at_ms)
    assert read("cloudevents", event)[1]["time"] == time
    assert read("docker", event)[1]["events"][0]["timestamp"] == time


@pytest.mark.parametrize("webhook_format", FORMATS)
def test_n10_each_attempt_has_the_same_bytes(webhook_format):
    assert format_request(webhook_format, IMAGE, "a") == format_request(webhook_format, IMAGE, "a")
    assert format_request(webhook_format, IMAGE, "a") != format_request(webhook_format, IMAGE, "b")


def test_a_format_that_does_not_exist_is_an_error():
    with pytest.raises(KeyError):
        format_request("xml", IMAGE, "a")


def test_the_signature_is_one_that_openssl_makes():
    # printf '1767225600.{}' | openssl dgst -sha256 -hmac secret
    expected = "fa7eaa06bf97d7815f3f456e97cde70c9e50cb005f01660c8d10b10c21964887"
    assert sign(["secret"], 1_767_225_600, b"{}") == f"t=1767225600,v1={expected}"


def test_n10_two_secrets_sign_the_same_bytes_each():
    def mac(secret):
        return hmac.new(secret.encode(), b"7.\x00body", hashlib.sha256).hexdigest()

    assert sign(["old", "nëw"], 7, b"\x00body") == f"t=7,v1={mac('old')},v1={mac('nëw')}"
