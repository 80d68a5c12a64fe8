"""Messages about a mistyped role, member or account suggest the right one (D13)."""

import pytest

from docker_credential_gcr.emulator.identity.roles import BUCKET_ROLES, ROLES
from docker_credential_gcr.emulator.identity.suggestions import explain_account, explain_member, explain_role

EMAIL = "ci@my-project.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        (EMAIL, f"serviceAccount:{EMAIL}"),
        ("me@example.com", "user:me@example.com"),
        (f"serviceaccount:{EMAIL}", f"serviceAccount:{EMAIL}"),
        (f"serviceAcount:{EMAIL}", f"serviceAccount:{EMAIL}"),
        ("users:me@example.com", "user:me@example.com"),
        ("groups:team@example.com", "group:team@example.com"),
        ("allusers", "allUsers"),
        ("allAuthenticatedUser", "allAuthenticatedUsers"),
    ],
)
def test_d13_mistyped_member_brings_the_nearest(text: str, guess: str) -> None:
    assert explain_member(text) == f"{text!r} is not a member; did you mean {guess}?"


@pytest.mark.parametrize("text", ["", "ci", "user:", "unknown:me@example.com"])
def test_d13_member_without_a_neighbour_is_shown_what_one_looks_like(text: str) -> None:
    assert explain_member(text) == f"{text!r} is not a member, such as serviceAccount:EMAIL or allUsers"


@pytest.mark.parametrize("text", ["allUsers", f"serviceAccount:{EMAIL}", "domain:example.com"])
def test_d13_member_is_taken(text: str) -> None:
    assert explain_member(text) is None


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("editor", "roles/editor"),
        ("roles/edtor", "roles/editor"),
        ("viewr", "roles/viewer"),
        ("objectViewer", "roles/storage.objectViewer"),
        ("artifactregistry.reder", "roles/artifactregistry.reader"),
    ],
)
def test_d13_mistyped_role_brings_the_nearest(text: str, guess: str) -> None:
    explained = explain_role(text)

    assert explained is not None
    assert explained.startswith(f"no such role: {text!r}; did you mean {guess}")


@pytest.mark.parametrize("role", sorted(ROLES))
def test_d13_role_is_taken_where_it_counts(role: str) -> None:
    refused = f"{role} can be granted on buckets only" if role in BUCKET_ROLES else None

    assert explain_role(role) == refused


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ci", None),
        (EMAIL, None),
        ("ci@my-project.example.com.iam.gserviceaccount.com", None),
        ("ci@example.com", "'ci@example.com' is not an address such as " + EMAIL),
        (
            "C I",
            "'C I' is not a name for a service account: 1 to 30 lower-case letters, digits or hyphens, "
            "beginning with a letter, not ending in a hyphen",
        ),
    ],
)
def test_d13_account_is_a_name_or_an_address(text: str, fault: str | None) -> None:
    assert explain_account(text) == fault
