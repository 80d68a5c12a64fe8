"""Every error of the table has its answer, and one that nobody foresaw has one too."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from docker_credential_gcr.emulator.capacity import StorageFull, TooManyRequests
from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.google import errors
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator
from docker_credential_gcr.emulator.identity.decision import Decision
from docker_credential_gcr.emulator.identity.policy import InvalidPolicy
from docker_credential_gcr.emulator.records.errors import AlreadyExists, Changed

Apis = Any
SAMPLES: dict[type[Exception], tuple[Exception, int, str, str]] = {
    errors.InvalidArgument: (errors.InvalidArgument("x is wrong"), 400, "INVALID_ARGUMENT", "x is wrong"),
    InvalidPolicy: (InvalidPolicy("x is wrong"), 400, "INVALID_ARGUMENT", "x is wrong"),
    NotAnAdministrator: (NotAnAdministrator("secret"), 401, "UNAUTHENTICATED", errors.CREDENTIALS),
    errors.PermissionDenied: (
        errors.PermissionDenied(Decision(False, "a.b.c", "because")),
        403,
        "PERMISSION_DENIED",
        "Permission 'a.b.c' denied on resource (or it may not exist).",
    ),
    errors.NotFound: (errors.NotFound("no x"), 404, "NOT_FOUND", "no x"),
    errors.BodyTooSlow: (errors.BodyTooSlow("too slow"), 408, "DEADLINE_EXCEEDED", "too slow"),
    AlreadyExists: (AlreadyExists("x"), 409, "ALREADY_EXISTS", "Requested entity already exists"),
    Changed: (Changed("x"), 409, "ABORTED", errors.CONCURRENT),
    errors.BodyTooLarge: (
        errors.BodyTooLarge(7),
        413,
        "INVALID_ARGUMENT",
        "Request payload size exceeds the limit: 7 bytes.",
    ),
    TooManyRequests: (TooManyRequests("too many", 7), 429, "RESOURCE_EXHAUSTED", "too many"),
    StorageFull: (StorageFull(), 503, "UNAVAILABLE", str(StorageFull())),
}


def test_every_error_of_the_table_has_a_sample() -> None:
    assert SAMPLES.keys() == errors.TABLE.keys()


@pytest.mark.parametrize(
    ("error", "code", "status", "message"), SAMPLES.values(), ids=lambda value: str(value)
)
def test_each_error_is_said_in_googles_form(error: Exception, code: int, status: str, message: str) -> None:
    response = errors.find_response(error)

    assert response is not None
    body = json.loads(bytes(response.body))["error"]
    reasons = [detail["detail"] for detail in body.pop("details", [])]
    assert (response.status_code, body) == (code, {"code": code, "message": message, "status": status})
    assert reasons == (["because"] if code == 403 else [])


def test_refusal_for_want_of_room_says_when_to_try_again() -> None:
    response = errors.find_response(TooManyRequests("too many", 7))

    assert response is not None
    assert response.headers["Retry-After"] == "7"


def test_an_error_that_nobody_foresaw_is_logged_and_says_nothing_of_itself(
    apis: Apis, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down() -> float:
        raise OSError("the clock of machine 7 is broken")

    apis.services = replace(apis.services, clock=Clock(break_down))

    with caplog.at_level(logging.ERROR):
        reply = apis.call("GET", "/v1/projects", token="any")

    assert (reply.status, reply.body) == (
        500,
        {"error": {"code": 500, "message": "Internal error encountered.", "status": "INTERNAL"}},
    )
    assert "the clock of machine 7 is broken" in caplog.text
