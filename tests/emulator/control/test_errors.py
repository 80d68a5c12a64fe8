"""Errors of /_emulator/: each is answered as JSON, with the status of its table."""

import asyncio
import errno
import json
import logging
import sqlite3

import pytest
from starlette.requests import Request
from starlette.responses import Response

from docker_credential_gcr.emulator.control.errors import TABLE, InvalidUrl, NotTheOperator, handle_errors
from docker_credential_gcr.emulator.control.events import InvalidEventQuery
from docker_credential_gcr.emulator.control.faults import InvalidFaults
from docker_credential_gcr.emulator.control.request_body import InvalidBody
from docker_credential_gcr.emulator.control.subject_tokens import InvalidTokenRequest
from docker_credential_gcr.emulator.control.webhooks import (
    TooManyWebhooks,
    UnknownWebhook,
    WebhookNotAccepted,
)
from docker_credential_gcr.emulator.gce_instance import InvalidInstance
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator
from docker_credential_gcr.emulator.outgoing.errors import OutgoingError, OutgoingRefused
from docker_credential_gcr.emulator.runtime.errors import (
    CollectionBusy,
    DatabaseLocked,
    StorageFull,
    Unavailable,
)

NO_TEXT = "the URL holds bytes that are not valid UTF-8, or NUL"
# The exception, and the response.
SAMPLES: dict[type[Exception], tuple[Exception, int, str]] = {
    InvalidBody: (InvalidBody("x is wrong"), 400, "x is wrong"),
    InvalidEventQuery: (InvalidEventQuery("x is wrong"), 400, "x is wrong"),
    InvalidFaults: (InvalidFaults("x is wrong"), 400, "x is wrong"),
    InvalidInstance: (InvalidInstance("x is wrong"), 400, "x is wrong"),
    InvalidTokenRequest: (InvalidTokenRequest("x is wrong"), 400, "x is wrong"),
    InvalidUrl: (InvalidUrl(), 400, NO_TEXT),
    OutgoingError: (OutgoingRefused("x is wrong"), 400, "x is wrong"),
    NotAnAdministrator: (NotAnAdministrator("no token"), 401, "no token"),
    NotTheOperator: (NotTheOperator(), 403, "only the operator may do this"),
    UnknownWebhook: (UnknownWebhook("5f0c"), 404, str(UnknownWebhook("5f0c"))),
    CollectionBusy: (CollectionBusy(), 409, str(CollectionBusy())),
    TooManyWebhooks: (TooManyWebhooks(), 409, str(TooManyWebhooks())),
    WebhookNotAccepted: (WebhookNotAccepted("answered 500"), 502, "answered 500"),
    Unavailable: (sqlite3.OperationalError("database is locked"), 503, str(DatabaseLocked())),
    StorageFull: (OSError(errno.ENOSPC, "words"), 507, str(StorageFull())),
}


def answer(
    error: Exception, path: bytes = b"/_emulator/reset", query: bytes = b""
) -> tuple[int, object, Response]:
    async def fail(_request: Request) -> Response:
        raise error

    async def admit(_request: Request) -> None:
        """Accepts every request."""

    scope = {"type": "http", "raw_path": path, "query_string": query}
    response = asyncio.run(handle_errors(admit, fail)(Request(scope)))
    return response.status_code, json.loads(bytes(response.body)), response


def test_every_error_of_the_table_has_a_sample() -> None:
    assert SAMPLES.keys() == TABLE.keys()


@pytest.mark.parametrize("kind", SAMPLES)
def test_each_error_is_answered_with_its_status(kind: type[Exception]) -> None:
    error, status, message = SAMPLES[kind]
    found, body, response = answer(error)
    assert (found, body) == (status, {"error": message})
    assert response.headers.get("retry-after") == ("1" if kind is Unavailable else None)


def test_z23_an_unforeseen_error_is_json_too_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status, body, _ = answer(RuntimeError("secret"))
    assert (status, body) == (500, {"error": "internal error: the server's log says more"})
    assert "RuntimeError: secret" in caplog.text


@pytest.mark.parametrize("text", [b"%00", b"a%00b", b"\0", b"%ff", b"%ed%a0%80"])
def test_no_endpoint_gets_a_url_that_is_no_text(text: bytes) -> None:
    for place in ({"path": b"/_emulator/projects/" + text}, {"query": b"name=" + text}):
        status, body, _ = answer(RuntimeError("not reached"), **place)
        assert (status, body) == (400, {"error": NO_TEXT})
