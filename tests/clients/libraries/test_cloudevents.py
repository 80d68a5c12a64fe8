"""cloudevents, the SDK, as a receiver of a webhook: a push's event, and its signature by the page's program.

https://github.com/cloudevents/sdk-python
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from support.checkout import DOCS
from support.pages import read_blocks
from support.servers.push_receiver import PushedRequest, PushReceiver

from docker_credential_gcr.pytest_plugin import GcrEmulator

LIMIT_S = 60
PROGRAM = Path(sys.executable).parent / "gcr-emulator"
SECRET = "a-secret-of-the-test"
REPOSITORY = "my-project/app"
NOW = 1_767_225_600.5


@pytest.fixture
def receiver() -> Iterator[PushReceiver]:
    server = PushReceiver()
    yield server
    server.close()


@pytest.fixture
def webhook(gcr_emulator: GcrEmulator) -> Callable[..., str]:
    """Runs a command as users do, with the secret at stdin; returns what it prints."""

    def run(*arguments: str) -> str:
        command = [PROGRAM, "webhook", *arguments, "--server", gcr_emulator.url]
        done = subprocess.run(
            command, input=f"{SECRET}\n", stdout=subprocess.PIPE, text=True, timeout=LIMIT_S
        )
        assert done.returncode == 0
        return done.stdout

    gcr_emulator.project("my-project")
    return run


@pytest.fixture
def read(receiver: PushReceiver) -> Callable[[], BaseCloudEvent]:
    """Returns the event of the next request, whose signature is verified."""
    names: dict[str, Any] = {}
    exec("\n".join(read_blocks(DOCS / "webhooks.md", "python")), names)  # noqa: S102

    def read() -> BaseCloudEvent:
        request: PushedRequest = receiver.wait()
        signature = request.headers["x-gcr-emulator-signature"]
        assert names["is_signed"](SECRET.encode(), signature, request.body)
        event = from_http_event(HTTPMessage(request.headers, request.body))
        assert event.get_id() == request.headers["x-gcr-emulator-delivery"]
        return event

    return read


@pytest.fixture
def wait_for_status(webhook: Callable[..., str]) -> Callable[[str, int], dict[str, Any]]:
    """Returns the only delivery of a webhook, once the receiver's answer is recorded."""

    def wait(hook: str, status: int) -> dict[str, Any]:
        while True:
            (delivery,) = json.loads(webhook("deliveries", hook, "--json"))["deliveries"]
            if delivery.get("status") == status:
                return dict(delivery)

    return wait


def test_a_receiver_gets_a_push_with_one_id_in_every_attempt(
    gcr_emulator: GcrEmulator,
    push: Callable[..., dict[str, Any]],
    receiver: PushReceiver,
    webhook: Callable[..., str],
    read: Callable[[], BaseCloudEvent],
    wait_for_status: Callable[[str, int], dict[str, Any]],
) -> None:
    receiver.statuses = [500]
    hook = webhook("create", receiver.url, "--format", "cloudevents", "--secret-file", "-").strip()
    gcr_emulator.clock.set(NOW)
    digest = push(REPOSITORY, "v1")["digest"]

    event = read()

    (told,) = gcr_emulator.events()
    assert event.get_attributes() == {
        "specversion": "1.0",
        "id": event.get_id(),
        "type": "gcr-emulator.image.insert",
        "source": "//containerregistry.googleapis.com/projects/my-project",
        "subject": f"gcr.io/{REPOSITORY}:v1",
        "time": datetime.fromtimestamp(NOW, timezone.utc),
        "datacontenttype": "application/json",
    }
    assert (event.get_data(), told["digest"]) == (told, digest)
    assert wait_for_status(hook, 500)["id"] == event.get_id()
    gcr_emulator.clock.set(NOW + 3600)
    again = read()
    wait_for_status(hook, 200)
    webhook("redeliver", hook, str(event.get_id()))
    third = read()
    for other in (again, third):
        assert (other.get_attributes(), other.get_data()) == (event.get_attributes(), told)


def test_a_webhook_is_tried_listed_and_deleted(
    receiver: PushReceiver, webhook: Callable[..., str], read: Callable[[], BaseCloudEvent]
) -> None:
    hook = webhook("create", receiver.url, "--format", "cloudevents", "--secret-file", "-").strip()

    webhook("test", hook)

    assert read().get_type() == "gcr-emulator.image.insert"
    assert [found["id"] for found in json.loads(webhook("list", "--json"))["webhooks"]] == [hook]
    webhook("delete", hook)
    assert json.loads(webhook("list", "--json")) == {"webhooks": []}
