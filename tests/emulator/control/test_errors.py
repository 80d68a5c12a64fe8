"""Errors of /_emulator/: each is answered as JSON, with the status of its table."""

import asyncio
import errno
import json
import logging
import sqlite3

import pytest
from starlette.requests import Request
from starlette.responses import Response

from docker_credential_gcr.emulator.control.errors import TABLE, NotTheOperator, handle_errors
from docker_credential_gcr.emulator.control.faults import InvalidFaults
from docker_credential_gcr.emulator.control.request_body import InvalidBody
from docker_credential_gcr.emulator.control.subject_tokens import InvalidTokenRequest
from docker_credential_gcr.emulator.gce_instance import InvalidInstance
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator
from docker_credential_gcr.emulator.runtime.errors import (
    CollectionBusy,
    DatabaseLocked,
    StorageFull,
    Unavailable,
)

# The exception, and the response.
SAMPLES: dict[type[Exception], tuple[Exception, int, str]] = {
    InvalidBody: (InvalidBody("x is wrong"), 400, "x is wrong"),
    InvalidFaults: (InvalidFaults("x is wrong"), 400, "x is wrong"),
    InvalidInstance: (InvalidInstance("x is wrong"), 400, "x is wrong"),
    InvalidTokenRequest: (InvalidTokenRequest("x is wrong"), 400, "x is wrong"),
    NotAnAdministrator: (NotAnAdministrator("no token"), 401, "no token"),
    NotTheOperator: (NotTheOperator(), 403, "only the operator may do this"),
    CollectionBusy: (CollectionBusy(), 409, str(CollectionBusy())),
    Unavailable: (sqlite3.OperationalError("database is locked"), 503, str(DatabaseLocked())),
    StorageFull: (OSError(errno.ENOSPC, "words"), 507, str(StorageFull())),
}


def answer(error: Exception) -> tuple[int, object, Response]:
    async def fail(_request: Request) -> Response:
        raise error

    async def admit(_request: Request) -> None:
        """Accepts every request."""

    response = asyncio.run(handle_errors(admit, fail)(Request({"type": "http"})))
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
