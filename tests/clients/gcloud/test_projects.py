"""The real gcloud creates projects, accounts, keys and policies, as the machine's programs may."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clients.command import Client

from docker_credential_gcr.pytest_plugin import GcrEmulator

pytestmark = pytest.mark.in_turn

Ask = Callable[..., Any]
ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
EDITOR = {"role": "roles/editor", "members": [f"serviceAccount:{ACCOUNT}"]}
# The services of a new project: those that the emulator serves, and those that Google enables.
ARTIFACT_REGISTRY = "artifactregistry.googleapis.com"
OTHERS = [
    "cloudapis.googleapis.com",
    "cloudasset.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "containerregistry.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "pubsub.googleapis.com",
    "serviceusage.googleapis.com",
    "storage-api.googleapis.com",
    "storage-component.googleapis.com",
    "storage.googleapis.com",
]


def test_a_project_is_created_listed_and_described(gcloud: Client, ask: Ask) -> None:
    made = gcloud("projects", "create", "my-project", "--name=My project", "--labels=team=a", "--format=json")

    assert made.status == 0, made
    project = json.loads(made.stdout)
    kind = project.pop("@type")
    assert kind == "type.googleapis.com/google.cloudresourcemanager.v1.Project"
    number, created = project["projectNumber"], project["createTime"]
    assert (number.isdigit(), created[-1]) == (True, "Z")
    assert project == {
        "createTime": created,
        "labels": {"team": "a"},
        "lifecycleState": "ACTIVE",
        "name": "My project",
        "projectId": "my-project",
        "projectNumber": number,
    }
    assert ask("projects", "list") == [project]
    assert ask("projects", "describe", "my-project") == project


def test_a_project_id_is_taken_once(gcr_emulator: GcrEmulator, gcloud: Client) -> None:
    gcr_emulator.project()

    refused = gcloud("projects", "create", "my-project")

    said = (
        "ERROR: (gcloud.projects.create) Project creation failed. The project ID you specified is already in "
        "use by another project. Please try an alternative ID."
    )
    assert (refused.status, refused.stdout, refused.lines) == (1, "", [said])


def test_a_role_is_granted_and_taken_back(gcr_emulator: GcrEmulator, ask: Ask) -> None:
    gcr_emulator.key(None)
    binding = ("my-project", f"--member=serviceAccount:{ACCOUNT}", "--role=roles/editor")

    granted = ask("projects", "add-iam-policy-binding", *binding)

    etag = granted["etag"]
    assert granted == {"bindings": [EDITOR], "etag": etag, "version": 1}
    assert ask("projects", "get-iam-policy", "my-project") == granted
    assert ask("projects", "remove-iam-policy-binding", *binding) == {"etag": "ACAB", "version": 1}


def test_an_account_and_its_key_are_made_and_the_key_deleted(
    gcr_emulator: GcrEmulator, gcloud: Client, ask: Ask, place: Path
) -> None:
    gcr_emulator.project()
    keys = ("iam", "service-accounts", "keys")

    account = ask("iam", "service-accounts", "create", "ci", "--display-name=CI")

    number = account["uniqueId"]
    assert account == {
        "displayName": "CI",
        "email": ACCOUNT,
        "name": f"projects/my-project/serviceAccounts/{ACCOUNT}",
        "etag": "MDEwMjE5MjA=",
        "oauth2ClientId": number,
        "projectId": "my-project",
        "uniqueId": number,
    }
    assert ask("iam", "service-accounts", "list") == [account | {"disabled": False}]

    gcloud.succeed(*keys, "create", str(place / "key.json"), f"--iam-account={ACCOUNT}")

    key = json.loads((place / "key.json").read_text())
    assert (key["client_email"], key["client_id"]) == (ACCOUNT, number)
    (listed,) = ask(*keys, "list", f"--iam-account={ACCOUNT}")
    assert listed == {
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": "USER_MANAGED",
        "name": f"projects/my-project/serviceAccounts/{ACCOUNT}/keys/{key['private_key_id']}",
        "validAfterTime": listed["validAfterTime"],
        "validBeforeTime": "9999-12-31T23:59:59Z",
    }

    gcloud.succeed(*keys, "delete", key["private_key_id"], f"--iam-account={ACCOUNT}")

    assert ask(*keys, "list", f"--iam-account={ACCOUNT}") == []


def test_a_service_is_disabled_and_enabled(gcr_emulator: GcrEmulator, gcloud: Client) -> None:
    gcr_emulator.project()
    listing = ("services", "list", "--enabled", "--format=value(config.name)")

    gcloud.succeed("services", "disable", ARTIFACT_REGISTRY)

    assert gcloud.succeed(*listing).split() == OTHERS

    gcloud.succeed("services", "enable", ARTIFACT_REGISTRY)

    assert gcloud.succeed(*listing).split() == [ARTIFACT_REGISTRY, *OTHERS]
