"""gcr-emulator project creates, lists and deletes projects."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.accounts import Account

Emulator = Any
Run = Callable[..., tuple[int, str, str]]
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


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

    texts = {name: str(value) for name, value in document.items()}
    assert (code, dict(line.split(": ", 1) for line in out.splitlines()), err) == (0, texts, "")
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


def test_kind_of_a_project_s_registry_is_given_changed_and_shown(gcr_emulator: Emulator, run: Run) -> None:
    server = ("--server", gcr_emulator.url)

    def describe() -> tuple[str, str]:
        found = json.loads(run("project", "describe", "my-project", "--json", *server)[1])
        return found["registry"], found["legacyRedirectionState"]

    made = run("project", "create", "my-project", "--registry", "artifact-registry", *server)
    assert made == (0, "", "created project my-project\n")
    assert describe() == ("artifact-registry", "REDIRECTION_FROM_GCR_IO_ENABLED")
    changed = run("project", "update", "my-project", "--registry", "shut-down", *server)
    assert changed == (0, "", "gcr.io names of project my-project: shut-down\n")
    assert describe() == ("shut-down", "REDIRECTION_FROM_GCR_IO_DISABLED")
    missing = run("project", "update", "a-project", "--registry", "shut-down", *server)
    assert missing == (1, "", "gcr-emulator: there is no project 'a-project'\n")


def test_describe_by_who_is_not_the_operator_leaves_the_registry_out(
    gcr_emulator: Emulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = Account(gcr_emulator.url, json.loads(gcr_emulator.key("roles/viewer").read_text()))
    monkeypatch.setenv("GCR_EMULATOR_TOKEN", viewer.access_token(CLOUD_PLATFORM))
    code, out, err = run("project", "describe", "my-project", "--json", "--server", gcr_emulator.url)
    assert (code, [*json.loads(out)], err) == (
        0,
        ["projectNumber", "projectId", "lifecycleState", "name", "createTime"],
        "",
    )
