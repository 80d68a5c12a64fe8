"""Every error in the table has its response, and an unexpected exception has one too."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from docker_credential_gcr.emulator.database.accounts.authenticator import Authenticator
from docker_credential_gcr.emulator.database.errors import AlreadyExists, Changed
from docker_credential_gcr.emulator.google.rest import errors
from docker_credential_gcr.emulator.identity.administrators import Forwarded, NotAnAdministrator
from docker_credential_gcr.emulator.identity.authorization import Decision
from docker_credential_gcr.emulator.identity.policy import InvalidPolicy
from docker_credential_gcr.emulator.runtime.errors import (
    DatabaseLocked,
    StorageFull,
    TooManyRequests,
    Unavailable,
)

Apis = Any
SAMPLES: dict[type[Exception], tuple[Exception, int, str, str]] = {
    errors.InvalidArgument: (errors.InvalidArgument("x is wrong"), 400, "INVALID_ARGUMENT", "x is wrong"),
    InvalidPolicy: (InvalidPolicy("x is wrong"), 400, "INVALID_ARGUMENT", "x is wrong"),
    NotAnAdministrator: (NotAnAdministrator("secret"), 401, "UNAUTHENTICATED", errors.CREDENTIALS),
    Forwarded: (Forwarded("via"), 401, "UNAUTHENTICATED", errors.CREDENTIALS),
    errors.PermissionDenied: (
        errors.PermissionDenied(Decision(False, "a.b.c", "because")),
        403,
        "PERMISSION_DENIED",
        "Permission 'a.b.c' denied on resource (or it may not exist).",
    ),
    errors.FailedPrecondition: (errors.FailedPrecondition("not so"), 400, "FAILED_PRECONDITION", "not so"),
    errors.ProjectDeleted: (
        errors.ProjectDeleted("my-project"),
        400,
        "FAILED_PRECONDITION",
        "Project my-project is deleted: undelete it first.",
    ),
    errors.SignInRequired: (
        errors.SignInRequired(Decision(False, "a.b.c", "because"), "who are you"),
        401,
        "UNAUTHENTICATED",
        "who are you",
    ),
    errors.InsufficientScopes: (
        errors.InsufficientScopes(),
        403,
        "PERMISSION_DENIED",
        "Request had insufficient authentication scopes.",
    ),
    errors.ServiceDisabled: (
        errors.ServiceDisabled("X API", "x.googleapis.com", "7"),
        403,
        "PERMISSION_DENIED",
        "X API has not been used in project 7 before or it is disabled. Enable it by visiting "
        "https://console.developers.google.com/apis/api/x.googleapis.com/overview?project=7 then retry. "
        "If you enabled this API recently, wait a few minutes for the action to propagate to our systems "
        "and retry.",
    ),
    errors.Conflict: (errors.Conflict("taken"), 409, "ALREADY_EXISTS", "taken"),
    errors.ConditionNotMet: (
        errors.ConditionNotMet(),
        412,
        "FAILED_PRECONDITION",
        "At least one of the pre-conditions you specified did not hold.",
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
    Unavailable: (DatabaseLocked(), 503, "UNAVAILABLE", str(DatabaseLocked())),
}

DEBUG = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "because"}
FORWARDED = "no access token, and a proxy forwarded the request (header via): send the operator token"
DETAILS = {
    errors.PermissionDenied: [DEBUG],
    errors.SignInRequired: [DEBUG],
    Forwarded: [{**DEBUG, "detail": FORWARDED}],
    errors.ServiceDisabled: [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_DISABLED",
            "domain": "googleapis.com",
            "metadata": {"consumer": "projects/7", "service": "x.googleapis.com"},
        }
    ],
}
REASONS = {
    400: "invalid",
    401: "required",
    403: "forbidden",
    404: "notFound",
    408: "requestTimeout",
    409: "conflict",
    412: "conditionNotMet",
    413: "uploadTooLarge",
    429: "rateLimitExceeded",
    503: "backendError",
}


# Errors for which Cloud Storage has another status or reason.
OF_STORAGE = {errors.ProjectDeleted: (403, "accountDisabled")}


def test_every_error_of_the_table_has_a_sample() -> None:
    assert SAMPLES.keys() == errors.TABLE.keys()


@pytest.mark.parametrize(
    ("error", "code", "status", "message"), SAMPLES.values(), ids=lambda value: str(value)
)
def test_each_error_is_said_in_googles_form(error: Exception, code: int, status: str, message: str) -> None:
    response = errors.find_response(error)

    assert response is not None
    body = json.loads(bytes(response.body))["error"]
    details = body.pop("details", [])
    assert (response.status_code, body) == (code, {"code": code, "message": message, "status": status})
    assert details == DETAILS.get(type(error), [])


@pytest.mark.parametrize(
    ("error", "code", "status", "message"), SAMPLES.values(), ids=lambda value: str(value)
)
def test_each_error_is_said_in_cloud_storages_form(
    error: Exception, code: int, status: str, message: str
) -> None:
    del status
    code, word = OF_STORAGE.get(type(error), (code, REASONS[code]))
    response = errors.find_response(error, is_storage=True)

    assert response is not None
    body = json.loads(bytes(response.body))["error"]
    details = body.pop("details", [])
    reason = {"message": message, "domain": "global", "reason": word}
    assert (response.status_code, body) == (code, {"code": code, "message": message, "errors": [reason]})
    assert details == DETAILS.get(type(error), [])


def test_refusal_for_want_of_room_says_when_to_try_again() -> None:
    response = errors.find_response(TooManyRequests("too many", 7))

    assert response is not None
    assert response.headers["Retry-After"] == "7"


def test_an_unexpected_error_is_logged_and_its_text_is_not_sent(
    apis: Apis, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down() -> float:
        raise OSError("the clock of machine 7 is broken")

    services = apis.services
    authenticator = Authenticator(services.signer, break_down)
    apis.services = replace(services, authenticator=authenticator)

    with caplog.at_level(logging.ERROR):
        reply = apis.call("GET", "/v1/projects", token="any")

    assert (reply.status, reply.body) == (
        500,
        {"error": {"code": 500, "message": "Internal error encountered.", "status": "INTERNAL"}},
    )
    assert "the clock of machine 7 is broken" in caplog.text
