"""docs/webhooks.md tells the truth: its examples are what is sent, and its program verifies signatures."""

import json
import time

import pytest
from support.checkout import DOCS
from support.pages import read_blocks

from docker_credential_gcr.emulator.database.events.outbox import INSERT, Event
from docker_credential_gcr.emulator.database.events.webhooks import FORMATS
from docker_credential_gcr.emulator.events.webhook_formats import format_request, sign

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
