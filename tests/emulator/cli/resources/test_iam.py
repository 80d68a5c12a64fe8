"""gcr-emulator iam changes a policy, and keeps the changes of other writers."""

import json
from collections.abc import Callable
from typing import Any

from docker_credential_gcr.emulator.client.rest import Server
from docker_credential_gcr.emulator.identity.policy import EMPTY, Policy, grant

Emulator = Any
Run = Callable[..., tuple[int, str, str]]
CI = "serviceAccount:ci@my-project.iam.gserviceaccount.com"


def test_roles_are_granted_shown_and_revoked(gcr_emulator: Emulator, run: Run) -> None:
    gcr_emulator.project("my-project")
    server = ("--server", gcr_emulator.url)
    binding = ("--project", "my-project", "--member", "allUsers", "--role", "roles/storage.objectViewer")
    policy = grant(EMPTY, "roles/storage.objectViewer", "allUsers")

    assert run("iam", "grant", *binding, *server) == (
        0,
        "",
        "allUsers now has roles/storage.objectViewer on my-project\n",
    )
    assert run("iam", "grant", *binding, *server)[2] == (
        "allUsers already had roles/storage.objectViewer on my-project\n"
    )
    code, out, err = run("iam", "show", "--project", "my-project", *server)
    assert (code, json.loads(out), err) == (
        0,
        {
            "version": 1,
            "etag": policy.etag,
            "bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}],
        },
        "",
    )
    assert run("iam", "revoke", *binding, *server) == (
        0,
        "",
        "allUsers no longer has roles/storage.objectViewer on my-project\n",
    )
    assert run("iam", "revoke", *binding, *server)[2] == (
        "allUsers did not have roles/storage.objectViewer on my-project\n"
    )


def test_a_policy_that_changed_meanwhile_is_read_again(gcr_emulator: Emulator) -> None:
    gcr_emulator.project("my-project")
    server, other = Server(gcr_emulator.url, None), Server(gcr_emulator.url, None)
    seen: list[Policy] = []

    def change(policy: Policy) -> Policy:
        if not seen:
            other.change_policy("my-project", lambda old: grant(old, "roles/viewer", "allUsers"))
        seen.append(policy)
        return grant(policy, "roles/browser", "allUsers")

    assert server.change_policy("my-project", change)

    both = grant(grant(EMPTY, "roles/viewer", "allUsers"), "roles/browser", "allUsers")
    assert seen == [EMPTY, grant(EMPTY, "roles/viewer", "allUsers")]
    assert server.get_policy("my-project") == both


def test_what_the_emulator_refuses_is_said_in_its_words(gcr_emulator: Emulator, run: Run) -> None:
    gcr_emulator.project("my-project")
    server = ("--server", gcr_emulator.url)

    absent = "Project not found: no-project: create it with gcr-emulator project create no-project"
    assert run("iam", "show", "--project", "no-project", *server) == (1, "", f"gcr-emulator: {absent}\n")
    assert run(
        "iam", "grant", "--project", "my-project", "--member", CI, "--role", "roles/viewer", *server
    ) == (
        1,
        "",
        "gcr-emulator: Service account ci@my-project.iam.gserviceaccount.com does not exist.\n",
    )
