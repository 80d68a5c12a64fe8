"""docs/webhooks.md tells the truth: its examples are what is sent, and its program verifies signatures."""

import json
import time

import pytest
import requests
from support.checkout import DOCS
from support.pages import read_blocks, read_table

from docker_credential_gcr.emulator.database.events.deliveries import STATES
from docker_credential_gcr.emulator.database.events.outbox import INSERT, Event
from docker_credential_gcr.emulator.database.events.webhooks import FORMATS
from docker_credential_gcr.emulator.events.delivery_sender import ATTEMPTS
from docker_credential_gcr.emulator.events.webhook_formats import format_request, sign
from docker_credential_gcr.emulator.settings import Limits

PAGE = DOCS / "webhooks.md"
TEXT = PAGE.read_text("utf-8")
EVENT = Event(
    1_767_225_600_500,
    INSERT,
    "my-project",
    "containerregistry.googleapis.com",
    "gcr.io/my-project/app",
    digest=f"sha256:{'6e' * 32}",
    tag="v1",
    media_type="application/vnd.oci.image.manifest.v1+json",
    size=424,
    member="user:a@example.com",
    id=12,
)
LIMIT_S = 30
OLD, NEW = "old-secret", "nëw-secret"
BODY = b'{"events": []}\n\xff'


@pytest.mark.parametrize("webhook_format", FORMATS)
def test_the_example_of_a_format_is_what_is_sent(webhook_format):
    media_type, body = format_request(webhook_format, EVENT, "DELIVERY")
    section = TEXT.partition(f"\n### {webhook_format}\n")[2].partition("\n#")[0]
    example = section.partition("```json\n")[2].partition("```")[0]

    assert list(json.loads(example).items()) == list(json.loads(body).items())
    assert f"`{media_type}`" in section


@pytest.fixture
def is_signed():
    """Returns the function of the page."""
    (program,) = read_blocks(PAGE, "python")
    names = {}
    exec(compile(program, str(PAGE), "exec"), names)  # noqa: S102
    return names["is_signed"]


def test_n10_the_program_of_the_page_verifies_signatures(is_signed):
    header = sign([OLD, NEW], int(time.time()), BODY)

    assert is_signed(OLD.encode(), header, BODY)
    assert is_signed(NEW.encode(), header, BODY)


def test_n10_the_program_of_the_page_refuses_what_is_not_signed(is_signed):
    now = int(time.time())
    header = sign([OLD], now, BODY)
    first, second = sign([OLD], now - 400, BODY), sign([OLD], now + 400, BODY)

    assert not is_signed(NEW.encode(), header, BODY)
    assert not is_signed(OLD.encode(), header, BODY + b" ")
    assert not is_signed(OLD.encode(), header.replace(str(now), str(now + 1)), BODY)
    assert not is_signed(OLD.encode(), header.replace("v1=", "v0="), BODY)
    assert not is_signed(OLD.encode(), first, BODY)
    assert not is_signed(OLD.encode(), second, BODY)


@pytest.mark.parametrize("header", ["", "t=", "t=1", "v1=", "t=٣,v1=", "t=1,v1=é", "t=1,,v1=a", "t=1 ,v1=a"])
def test_the_program_of_the_page_refuses_what_is_malformed(is_signed, header):
    assert is_signed(OLD.encode(), header, BODY) is False


def test_the_numbers_of_the_page_are_those_of_the_code():
    text = " ".join(TEXT.split())
    assert f"A delivery has failed after {ATTEMPTS} attempts" in text
    assert f"At most {Limits().deliveries:,} deliveries wait for a webhook" in text


def test_the_states_of_the_page_are_those_of_the_code():
    assert tuple(state for state, _ in read_table(TEXT, "state")) == STATES


def test_the_requests_of_the_page_are_answered(gcr_emulator):
    gcr_emulator.project("my-project")
    rows = {row[0]: row for row in read_table(TEXT, "request")}
    create = {"url": "http://localhost:1/", "project": "my-project", "events": ["insert", "delete"]}
    url = f"{gcr_emulator.url}/_emulator/webhooks"

    created = requests.post(url, json={**create, "format": "docker", "secret": OLD}, timeout=LIMIT_S)
    answers = {"POST /_emulator/webhooks": created}
    hook = f"{url}/{created.json()['id']}"
    for request, (method, path, body) in {
        "GET /_emulator/webhooks": ("GET", url, None),
        "POST /_emulator/webhooks/ID:test": ("POST", f"{hook}:test", None),
        "GET /_emulator/webhooks/ID/deliveries?state=failed": (
            "GET",
            f"{hook}/deliveries?state=failed",
            None,
        ),
        "POST /_emulator/webhooks/ID:redeliver": ("POST", f"{hook}:redeliver", {"failed": True}),
        "DELETE /_emulator/webhooks/ID": ("DELETE", hook, None),
    }.items():
        answers[request] = requests.request(method, path, json=body, timeout=LIMIT_S)

    assert set(answers) == set(rows)
    assert [answer.status_code for answer in answers.values()] == [201, 200, 502, 200, 200, 204]
    assert created.json()["signed"] is True
    assert OLD not in created.text + answers["GET /_emulator/webhooks"].text
