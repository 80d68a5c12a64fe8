"""Project IDs, account names and addresses have the forms of Google."""

import pytest

from docker_credential_gcr.emulator.identity.resource_names import (
    find_project_id,
    format_email,
    is_account,
    is_project_id,
)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("my-project", True),
        ("abc123", True),
        ("a" * 30, True),
        ("example.com:my-project", True),
        ("abcde", False),
        ("a" * 31, False),
        ("1project", False),
        ("my-project-", False),
        ("My-project", False),
        ("my_project", False),
        ("my-project\n", False),
        ("example:my-project", False),
        ("example.com:", False),
        ("a.b:c.d:my-project", False),
        ("../etc", False),
        # The project's accounts would be named like Google's service agents.
        ("containerregistry", False),
        ("", False),
    ],
)
def test_project_ids(text: str, is_one: bool) -> None:
    assert is_project_id(text) is is_one


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("ci", True),
        ("a", True),
        ("a" * 30, True),
        ("a" * 31, False),
        ("ci-", False),
        ("Ci", False),
        ("", False),
    ],
)
def test_accounts(text: str, is_one: bool) -> None:
    assert is_account(text) is is_one


@pytest.mark.parametrize(
    ("project_id", "email"),
    [
        ("my-project", "ci@my-project.iam.gserviceaccount.com"),
        ("example.com:my-project", "ci@my-project.example.com.iam.gserviceaccount.com"),
    ],
)
def test_an_address_names_its_project(project_id: str, email: str) -> None:
    assert format_email("ci", project_id) == email
    assert find_project_id(email) == project_id


def test_other_addresses_name_none() -> None:
    assert find_project_id("123-compute@developer.gserviceaccount.com") is None
    assert find_project_id("someone@example.com") is None
