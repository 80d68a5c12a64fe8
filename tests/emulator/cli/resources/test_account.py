"""gcr-emulator account, and the list, delete and revoke commands of key and iam (D13)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

Emulator = Any
Run = Callable[..., tuple[int, str, str]]
EMAIL = "ci@my-project.iam.gserviceaccount.com"


@pytest.fixture
def emulator(gcr_emulator: Emulator, run: Run) -> Run:
    """Runs a command at an emulator with one project."""
    gcr_emulator.project("my-project")
    return lambda *arguments: run(*arguments, "--server", gcr_emulator.url)


@pytest.mark.parametrize("name", ["ci", EMAIL])
def test_d13_account_is_made_listed_and_deleted(emulator: Run, name: str) -> None:
    said = f"created account {EMAIL}; for a key: gcr-emulator key create --account {EMAIL} --output FILE\n"
    empty = "my-project has no service account: gcr-emulator account create NAME --project my-project\n"
    table = (
        "ACCOUNT                                STATE    NAME\n"
        "ci@my-project.iam.gserviceaccount.com  ENABLED  Builds\n"
    )

    assert emulator("account", "list") == (0, "", empty)
    assert emulator("account", "create", name, "--display-name", "Builds") == (0, "", said)
    assert emulator("account", "create", name) == (1, "", f"gcr-emulator: account {EMAIL} already exists\n")
    assert emulator("account", "list") == (0, table, "")
    (found,) = json.loads(emulator("account", "list", "--json")[1])["accounts"]
    assert (found["email"], found["displayName"]) == (EMAIL, "Builds")
    assert emulator("account", "delete", name) == (0, "", f"deleted account {EMAIL} and its keys\n")
    assert emulator("account", "list") == (0, "", empty)


def test_d13_key_is_listed_disabled_enabled_and_deleted(
    emulator: Run, gcr_emulator: Emulator, tmp_path: Path
) -> None:
    output = tmp_path / "key.json"
    create = ("key", "create", "--account", "ci", "--role", "roles/viewer", "--output", output)
    assert emulator(*create)[0] == 0
    key_id = json.loads(output.read_text())["private_key_id"]
    account = ("--account", "ci")

    def ask_registry() -> int:
        auth = ("_json_key", output.read_text())
        return requests.get(f"{gcr_emulator.url}/v2/", auth=auth, timeout=30).status_code

    assert emulator("key", "list", *account)[1].splitlines()[1].split()[:2] == [key_id, "ENABLED"]
    assert ask_registry() == 200
    assert emulator("key", "disable", key_id, *account) == (0, "", f"disabled key {key_id} of {EMAIL}\n")
    assert emulator("key", "list", *account)[1].splitlines()[1].split()[:2] == [key_id, "DISABLED"]
    assert ask_registry() == 401
    assert emulator("key", "enable", key_id, *account) == (0, "", f"enabled key {key_id} of {EMAIL}\n")
    assert ask_registry() == 200
    assert emulator("key", "delete", key_id, *account) == (0, "", f"deleted key {key_id} of {EMAIL}\n")
    assert ask_registry() == 401
    empty = f"{EMAIL} has no key: gcr-emulator key create --account {EMAIL} --output FILE\n"
    assert emulator("key", "list", *account) == (0, "", empty)


NODE = (
    "note: google-auth-library for Node.js uses oauth2.googleapis.com, whatever the file says: "
    "use --token-uri google in gcr-emulator run\n"
)
MAKERS = {
    "key": ("key", "create"),
    "credentials": ("credentials", "create", "--type", "service_account"),
}


@pytest.mark.parametrize("command", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("account", ["ci", EMAIL])
@pytest.mark.parametrize("project", [(), ("--project", "my-project")], ids=["", "--project"])
def test_d13_account_is_named_or_addressed_alike(
    emulator: Run, command: tuple[str, ...], account: str, project: tuple[str, ...]
) -> None:
    code, out, err = emulator(*command, "--account", account, *project, "--output", "-")

    said = NODE if command[0] == "credentials" else ""
    assert (code, json.loads(out)["client_email"], err) == (0, EMAIL, said)


@pytest.mark.parametrize("command", MAKERS.values(), ids=MAKERS)
def test_d13_address_names_its_project_and_another_one_is_refused(
    emulator: Run, gcr_emulator: Emulator, command: tuple[str, ...]
) -> None:
    gcr_emulator.project("other-project")
    asked = (*command, "--account", EMAIL, "--output", "-")
    text = f"{EMAIL} belongs to project my-project, not to other-project: leave out --project"
    complaint = f"gcr-emulator: {text}\n"

    assert emulator(*asked)[0] == 0
    assert emulator(*asked, "--project", "other-project") == (1, "", complaint)


def test_d13_service_account_is_told_from_a_person(emulator: Run) -> None:
    create = ("credentials", "create", "--type", "authorized_user", "--output", "-", "--account", EMAIL)

    code, out, err = emulator(*create)

    assert (code, out) == (2, "")
    assert err.endswith(f"{EMAIL!r} is a service account: authorized_user needs a person\n")


def test_d13_bindings_are_listed_a_line_each(emulator: Run) -> None:
    iam = ("--project", "my-project")
    hint = "no member has a role on my-project: gcr-emulator iam grant --project my-project\n"

    assert emulator("iam", "list", *iam) == (0, "", hint)
    for member in ("allUsers", "user:me@example.com"):
        emulator("iam", "grant", *iam, "--member", member, "--role", "roles/viewer")
    assert emulator("iam", "list", *iam) == (
        0,
        "MEMBER               ROLE          CONDITION\n"
        "allUsers             roles/viewer  -\n"
        "user:me@example.com  roles/viewer  -\n",
        "",
    )
    assert json.loads(emulator("iam", "list", *iam, "--json")[1]) == {
        "bindings": [
            {"member": "allUsers", "role": "roles/viewer"},
            {"member": "user:me@example.com", "role": "roles/viewer"},
        ]
    }


EXIST = {
    ("key", "delete", "absent", "--account", "ci"): (
        "Service account key not found: gcr-emulator key list prints those that exist"
    ),
    ("account", "delete", "absent"): (
        f"Unknown service account: projects/my-project/serviceAccounts/{EMAIL.replace('ci', 'absent')}: "
        "gcr-emulator account list prints those that exist"
    ),
}


@pytest.mark.parametrize("command", EXIST, ids=lambda command: f"d13-{' '.join(command[:2])}")
def test_what_is_not_there_brings_the_command_that_lists_what_is(
    emulator: Run, command: tuple[str, ...]
) -> None:
    emulator("account", "create", "ci")

    assert emulator(*command) == (1, "", f"gcr-emulator: {EXIST[command]}\n")
