"""gcr-emulator project creates, lists and deletes projects."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


def test_projects_are_made_once_and_listed(gcr_emulator: Emulator, run: Run) -> None:
    server = ("--server", gcr_emulator.url)

    assert run("project", "create", "my-project", *server) == (0, "", "created project my-project\n")
    assert run("project", "create", "a-project", "--name", "A", *server)[0] == 0
    assert run("project", "create", "my-project", *server) == (
        1,
        "",
        "gcr-emulator: project my-project already exists\n",
    )
    code, out, err = run("project", "list", "--json", *server)
    assert ([found["projectId"] for found in json.loads(out)["projects"]], code, err) == (
        ["a-project", "my-project"],
        0,
        "",
    )


def test_d13_list_shows_the_state_of_a_deleted_project_and_undelete_takes_it_back(
    gcr_emulator: Emulator, run: Run
) -> None:
    gcr_emulator.project("my-project")
    server = ("--server", gcr_emulator.url)
    number = json.loads(run("project", "describe", "my-project", "--json", *server)[1])["projectNumber"]
    table = f"PROJECT     NUMBER        STATE\nmy-project  {number}  "
    said = "deleted project my-project; to undo that: gcr-emulator project undelete my-project\n"

    assert run("project", "list", *server) == (0, f"{table}ACTIVE\n", "")
    assert run("project", "delete", "my-project", *server) == (0, "", said)
    assert run("project", "list", *server) == (0, f"{table}DELETE_REQUESTED\n", "")
    undeleted = run("project", "undelete", "my-project", *server)
    assert undeleted == (0, "", "project my-project can be used again\n")
    assert run("project", "list", *server) == (0, f"{table}ACTIVE\n", "")


def test_d13_project_is_described_in_lines_or_as_json(gcr_emulator: Emulator, run: Run) -> None:
    gcr_emulator.project("my-project")
    describe = ("project", "describe", "my-project", "--server", gcr_emulator.url)

    code, out, err = run(*describe)
    document = json.loads(run(*describe, "--json")[1])

    assert (code, dict(line.split(": ", 1) for line in out.splitlines()), err) == (0, document, "")
    assert (document["projectId"], document["lifecycleState"]) == ("my-project", "ACTIVE")


ABSENT = ("--project", "absent-project")
GRANT = (*ABSENT, "--member", "allUsers", "--role", "roles/viewer")
OF_A_PROJECT = [
    ("project", "describe", "absent-project"),
    ("project", "delete", "absent-project"),
    ("repository", "create", "images", *ABSENT),
    ("repository", "list", *ABSENT),
    ("account", "create", "ci", *ABSENT),
    ("account", "list", *ABSENT),
    ("key", "create", "--account", "ci", "--output", "-", *ABSENT),
    ("credentials", "create", "--type", "service_account", "--output", "-", *ABSENT),
    ("iam", "list", *ABSENT),
    ("iam", "grant", *GRANT),
    ("iam", "revoke", *GRANT),
]


@pytest.mark.parametrize("command", OF_A_PROJECT, ids=lambda command: f"d13-{' '.join(command[:2])}")
def test_absent_project_brings_the_command_that_creates_it(
    gcr_emulator: Emulator, run: Run, command: tuple[str, ...]
) -> None:
    step = "create it with gcr-emulator project create absent-project"

    assert run(*command, "--server", gcr_emulator.url) == (
        1,
        "",
        f"gcr-emulator: Project not found: absent-project: {step}\n",
    )
