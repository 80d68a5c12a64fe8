"""The real gcloud creates secrets of Secret Manager, adds versions, reads and shares them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clients.command import Client

from docker_credential_gcr.pytest_plugin import GcrEmulator

Ask = Callable[..., Any]
MEMBER, ACCESSOR = "user:ada@example.com", "roles/secretmanager.secretAccessor"


@pytest.fixture(autouse=True)
def _project(gcr_emulator: GcrEmulator) -> None:
    gcr_emulator.project()


def test_a_secret_is_created_from_a_file_and_read(gcloud: Client, ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("first")
    gcloud.succeed("secrets", "create", "password", f"--data-file={path}", "--labels=env=test")
    path.write_text("second")
    gcloud.succeed("secrets", "versions", "add", "password", f"--data-file={path}")

    access = ("secrets", "versions", "access")
    assert gcloud.succeed(*access, "latest", "--secret=password").strip() == "second"
    assert gcloud.succeed(*access, "1", "--secret=password").strip() == "first"
    (listed,) = ask("secrets", "list")
    assert listed == ask("secrets", "describe", "password")
    assert (listed["labels"], listed["replication"]) == ({"env": "test"}, {"automatic": {}})
    gcloud.succeed("secrets", "versions", "disable", "1", "--secret=password")
    gcloud.succeed("secrets", "versions", "destroy", "2", "--secret=password")
    found = ask("secrets", "versions", "list", "password")
    assert [each["state"] for each in found] == ["DESTROYED", "DISABLED"]
    gcloud.succeed("secrets", "delete", "password")
    assert ask("secrets", "list") == []


def test_a_secret_is_shared(gcloud: Client, ask: Ask) -> None:
    gcloud.succeed("secrets", "create", "password", "--replication-policy=automatic")
    gcloud.succeed(
        "secrets", "add-iam-policy-binding", "password", f"--member={MEMBER}", f"--role={ACCESSOR}"
    )

    bindings = ask("secrets", "get-iam-policy", "password")["bindings"]
    assert bindings == [{"members": [MEMBER], "role": ACCESSOR}]
