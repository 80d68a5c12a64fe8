"""JSON of a Compute Engine instance: what is accepted, and the messages about the rest."""

import pytest

from docker_credential_gcr.emulator.gce_instance import (
    Instance,
    InvalidInstance,
    build_instance,
    format_instance,
    parse_instance,
)

ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
PREFIX = "https://www.googleapis.com/auth/"


def test_a_machine_is_its_accounts_unless_more_is_said() -> None:
    machine = parse_instance({"account": ACCOUNT})

    assert machine == Instance(ACCOUNT, "my-project", (f"{PREFIX}cloud-platform",))
    assert build_instance(ACCOUNT, ()) == machine
    assert parse_instance(format_instance(machine)) == machine


def test_everything_can_be_said() -> None:
    document = {
        "account": None,
        "project": "example.com:my-project",
        "scopes": ["devstorage.read_only", "email", f"{PREFIX}iam", "iam"],
        "attributes": {"a_b-1": ""},
        "project_attributes": {"c": "d"},
        "name": "vm-1",
        "zone": "europe-west1-b",
        "delay_s": 0.5,
    }

    machine = parse_instance(document)

    assert machine == Instance(
        None,
        "example.com:my-project",
        ("email", f"{PREFIX}devstorage.read_only", f"{PREFIX}iam"),
        {"a_b-1": ""},
        {"c": "d"},
        "vm-1",
        "europe-west1-b",
        0.5,
    )
    assert parse_instance(format_instance(machine)) == machine


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the body is not a JSON object"),
        ({}, "an instance needs a service account of a project, or a project"),
        ({"account": "ci@example.com"}, "an instance needs a service account of a project, or a project"),
        ({"account": "ci"}, "account 'ci' is not the address of a service account"),
        ({"account": "a\n@my-project.iam.gserviceaccount.com"}, "is not the address of a service account"),
        ({"account": 1}, "account is not a string or null"),
        ({"project": "x"}, "'x' is not a project ID"),
        ({"project": None}, "project is not a string"),
        ({"account": ACCOUNT, "email": "x"}, "unknown field 'email': known are account, project, scopes, "),
        ({"account": ACCOUNT, "scopes": "iam"}, "scopes is not a list"),
        ({"account": ACCOUNT, "scopes": [1]}, "scopes is not a list of strings, 64 at most"),
        ({"account": ACCOUNT, "scopes": ["iam"] * 65}, "scopes is not a list of strings, 64 at most"),
        ({"account": ACCOUNT, "scopes": ["a b"]}, "'a b' is not an OAuth scope"),
        ({"account": ACCOUNT, "scopes": ["cloudplatform"]}, "'cloudplatform' is not an OAuth scope"),
        ({"account": ACCOUNT, "scopes": ["a,b"]}, "'a,b' is not an OAuth scope"),
        ({"account": ACCOUNT, "attributes": {"a/b": "x"}}, "attributes: 'a/b' is not letters, digits"),
        ({"account": ACCOUNT, "attributes": {"a": 1}}, "attributes.a is not a string"),
        ({"account": ACCOUNT, "attributes": {"a": "x" * 262_145}}, "attributes.a is not a string of 262144"),
        (
            {"account": ACCOUNT, "project_attributes": dict.fromkeys("abc", "x" * 200000)},
            "project_attributes is larger than 524288 characters",
        ),
        ({"account": ACCOUNT, "name": "A"}, "name is not lower-case letters, digits and hyphens, 63 at most"),
        ({"account": ACCOUNT, "zone": "a.b"}, "zone is not lower-case letters, digits and hyphens"),
        ({"account": ACCOUNT, "delay_s": 61}, "delay_s is not between 0 and 60"),
        ({"account": ACCOUNT, "delay_s": True}, "delay_s is not a number"),
    ],
)
def test_what_is_no_machine_is_told(document: object, message: str) -> None:
    with pytest.raises(InvalidInstance) as raised:
        parse_instance(document)
    assert message in str(raised.value)
