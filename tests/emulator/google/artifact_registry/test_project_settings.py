"""projectSettings: the states of the transition, as gcloud and the libraries set them."""

from typing import Any

import pytest

from docker_credential_gcr.emulator.database.projects import redirection
from docker_credential_gcr.emulator.identity.redirection import STATES, RegistryKind

Apis = Any
SETTINGS = "/v1/projects/my-project/projectSettings"
NAME = "projects/my-project/projectSettings"
PREFIX = "REDIRECTION_FROM_GCR_IO_"
USER = "user:a@example.com"


@pytest.fixture(autouse=True)
def _project(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})


def describe(state: str, **others: object) -> dict[str, object]:
    return {"name": NAME, "legacyRedirectionState": f"{PREFIX}{state}", **others}


def patch(apis: Apis, query: str = "?updateMask=legacy_redirection_state", **body: object) -> Any:
    return apis.call("PATCH", f"{SETTINGS}{query}", body)


def refusal(reply: Any) -> tuple[int, str, str]:
    error = reply.body["error"]
    return reply.status, error["status"], error["message"]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (RegistryKind.CONTAINER_REGISTRY, "DISABLED"),
        (RegistryKind.SHUT_DOWN, "DISABLED"),
        (RegistryKind.ARTIFACT_REGISTRY, "ENABLED"),
    ],
)
def test_a14_the_settings_show_the_state_of_each_kind_of_project(
    apis: Apis, kind: RegistryKind, state: str
) -> None:
    apis.services.database.write_now(lambda c: redirection.set_kind(c, "my-project", kind))
    number = apis.call("GET", "/v1/projects/my-project").body["projectNumber"]

    assert apis.call("GET", SETTINGS).body == describe(state)
    assert apis.call("GET", f"/v1/projects/{number}/projectSettings").body == describe(state)


def test_a14_a_caller_without_the_permission_is_refused(apis: Apis) -> None:
    apis.grant("roles/storage.admin", USER)

    for method, permission in (("GET", "get"), ("PATCH", "update")):
        reply = apis.call(method, SETTINGS, None if method == "GET" else {}, apis.sign_in(USER))
        assert refusal(reply) == (
            403,
            "PERMISSION_DENIED",
            f"Permission 'artifactregistry.projectsettings.{permission}' denied on resource "
            "'//artifactregistry.googleapis.com/projects/my-project' (or it may not exist).",
        )


def test_a14_the_role_of_the_migration_reads_and_changes_the_settings(apis: Apis) -> None:
    apis.grant("roles/artifactregistry.containerRegistryMigrationAdmin", USER)
    token, body = apis.sign_in(USER), {"legacyRedirectionState": f"{PREFIX}ENABLED"}

    assert apis.call("GET", SETTINGS, token=token).body == describe("DISABLED")
    assert apis.call("PATCH", SETTINGS, body, token).body == describe("ENABLED")


@pytest.mark.parametrize("state", [state.removeprefix(PREFIX) for state in STATES])
@pytest.mark.parametrize(
    "query",
    ["?updateMask=legacy_redirection_state", "?update_mask=legacyRedirectionState", "?updateMask=*", ""],
)
def test_a15_a_patch_sets_every_state(apis: Apis, state: str, query: str) -> None:
    reply = patch(apis, query, legacyRedirectionState=f"{PREFIX}{state}")

    assert (reply.status, reply.body) == (200, describe(state))
    assert apis.call("GET", SETTINGS).body == describe(state)


@pytest.mark.parametrize("value", [2, f"{PREFIX}ENABLED", "redirection_from_gcr_io_enabled"])
@pytest.mark.parametrize("name", ["legacyRedirectionState", "legacy_redirection_state"])
def test_a15_a_state_is_a_name_or_a_number(apis: Apis, name: str, value: object) -> None:
    assert patch(apis, **{name: value, "name": "ignored"}).body == describe("ENABLED")


@pytest.mark.parametrize("percent", [5, "5", 5.0])
def test_a16_a_share_counts_although_the_mask_does_not_name_it(apis: Apis, percent: object) -> None:
    partial = describe("PARTIAL_AND_COPYING", pullPercent=5)

    reply = patch(apis, legacyRedirectionState=f"{PREFIX}PARTIAL_AND_COPYING", pullPercent=percent)

    assert (reply.status, reply.body) == (200, partial)
    assert apis.call("GET", SETTINGS).body == partial


def test_a16_a_state_without_a_share_has_none(apis: Apis) -> None:
    state = f"{PREFIX}PARTIAL_AND_COPYING"
    patch(apis, legacyRedirectionState=state, pullPercent=100)

    assert patch(apis, legacyRedirectionState=state).body == describe("PARTIAL_AND_COPYING")


def test_a16_the_share_can_be_changed_alone(apis: Apis) -> None:
    patch(apis, legacyRedirectionState=f"{PREFIX}PARTIAL", pullPercent=5)

    for query in ("?updateMask=pull_percent", "?updateMask=pullPercent", ""):
        assert patch(apis, query, pullPercent=50).body == describe("PARTIAL", pullPercent=50)
    assert patch(apis, "?updateMask=pullPercent").body == describe("PARTIAL")


def test_a_patch_of_nothing_changes_nothing(apis: Apis) -> None:
    patch(apis, legacyRedirectionState=f"{PREFIX}PARTIAL", pullPercent=5)

    for query in ("", "?updateMask=name"):
        assert patch(apis, query, name=NAME).body == describe("PARTIAL", pullPercent=5)


@pytest.mark.parametrize("state", [state.removeprefix(PREFIX) for state in STATES])
def test_a15_a_finalized_redirection_is_final(apis: Apis, state: str) -> None:
    patch(apis, legacyRedirectionState=f"{PREFIX}FINALIZED")

    reply = patch(apis, legacyRedirectionState=f"{PREFIX}{state}")

    if state == "FINALIZED":
        assert reply.body == describe("FINALIZED")
    else:
        text = "Redirection has already been finalized: its state cannot be changed."
        assert refusal(reply) == (400, "FAILED_PRECONDITION", text)
    assert apis.call("GET", SETTINGS).body == describe("FINALIZED")


ONE_OF = f"must be one of {', '.join(STATES)}"


@pytest.mark.parametrize(
    ("query", "body", "text"),
    [
        (
            "",
            {"legacyRedirectionState": "ENABLED"},
            "Invalid value at 'legacy_redirection_state': it must be one of REDIRECTION_STATE_UNSPECIFIED, "
            f"{', '.join([*STATES[:3], STATES[4], STATES[3], STATES[5]])}.",
        ),
        ("?updateMask=legacyRedirectionState", {}, f"legacyRedirectionState {ONE_OF}"),
        ("?updateMask=*", {"pullPercent": 5}, f"legacyRedirectionState {ONE_OF}"),
        (
            "?updateMask=legacyRedirectionState",
            {"legacyRedirectionState": "REDIRECTION_STATE_UNSPECIFIED"},
            f"legacyRedirectionState {ONE_OF}",
        ),
        (
            "",
            {"legacyRedirectionState": f"{PREFIX}PARTIAL", "pullPercent": 101},
            "pullPercent must be a number from 0 to 100",
        ),
        (
            "",
            {"legacyRedirectionState": f"{PREFIX}ENABLED", "pullPercent": 1},
            f"pullPercent needs the state {PREFIX}PARTIAL or {PREFIX}PARTIAL_AND_COPYING",
        ),
        ("?updateMask=state", {}, "Invalid update mask: the field 'state' is unknown."),
        ("", {"state": 1}, 'Invalid JSON payload received. Unknown name "state": Cannot find field.'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a15_settings_that_cannot_be_are_refused(
    apis: Apis, query: str, body: dict[str, Any], text: str
) -> None:
    reply = patch(apis, query, **body)

    assert refusal(reply) == (400, "INVALID_ARGUMENT", text)
    assert apis.call("GET", SETTINGS).body == describe("DISABLED")
