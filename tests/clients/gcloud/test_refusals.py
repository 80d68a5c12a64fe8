"""Refusals of an account without permission, as the real gcloud shows them, with the account and its key."""

from pathlib import Path

import pytest
from clients.command import Client
from support.child_processes import Outcome

from docker_credential_gcr.pytest_plugin import GcrEmulator

ROLES = {"viewer": "roles/viewer", "stranger": None}
SERVICE = "artifactregistry.googleapis.com"
WHERE = "--location=europe-west1"
LOCATION = "//artifactregistry.googleapis.com/projects/my-project/locations/europe-west1"

# gcloud's own words for a project, and the API's for the rest.
OF_PROJECT = (
    "[{{email}}] does not have permission to access projects instance [my-project{}] (or it may not exist): "
    "Permission '{{permission}}' denied on resource (or it may not exist)."
)
OF_ACCOUNT = "PERMISSION_DENIED: Permission '{permission}' denied on resource (or it may not exist)."
OF_SERVICE = f"PERMISSION_DENIED: Permission denied to {{}} service [{SERVICE}]."
OF_REPOSITORY = (
    "PERMISSION_DENIED: Permission '{{permission}}' denied on resource "
    f"'{LOCATION}{{}}' (or it may not exist)."
)

# The user, the missing permission, the command, its arguments, and the first words of gcloud's message.
REFUSALS = [
    (
        "viewer",
        "resourcemanager.projects.setIamPolicy",
        "projects add-iam-policy-binding",
        ("my-project", "--member=user:ada@example.com", "--role=roles/owner"),
        OF_PROJECT.format(":setIamPolicy"),
    ),
    (
        "viewer",
        "iam.serviceAccounts.create",
        "iam service-accounts create",
        ("new-account",),
        OF_PROJECT.format(""),
    ),
    (
        "viewer",
        "iam.serviceAccountKeys.create",
        "iam service-accounts keys create",
        # Not /dev/null: gcloud first makes its output file private, and as root a device too.
        ("refused.json", "--iam-account=viewer@my-project.iam.gserviceaccount.com"),
        OF_ACCOUNT,
    ),
    ("viewer", "serviceusage.services.enable", "services enable", (SERVICE,), OF_SERVICE.format("enable")),
    ("viewer", "serviceusage.services.disable", "services disable", (SERVICE,), OF_SERVICE.format("disable")),
    (
        "viewer",
        "artifactregistry.repositories.create",
        "artifacts repositories create",
        ("images", WHERE, "--repository-format=docker"),
        OF_REPOSITORY.format(""),
    ),
    (
        "viewer",
        "artifactregistry.repositories.delete",
        "artifacts repositories delete",
        ("images", WHERE),
        OF_REPOSITORY.format("/repositories/images"),
    ),
    (
        "stranger",
        "resourcemanager.projects.get",
        "projects describe",
        ("my-project",),
        OF_PROJECT.format(""),
    ),
    (
        "stranger",
        "resourcemanager.projects.getIamPolicy",
        "projects get-iam-policy",
        ("my-project",),
        OF_PROJECT.format(":getIamPolicy"),
    ),
    (
        "stranger",
        "artifactregistry.repositories.get",
        "artifacts docker images list",
        ("europe-west1-docker.pkg.dev/my-project/images",),
        OF_REPOSITORY.format("/repositories/images"),
    ),
]


def run_as(gcloud: Client, key: Path, *arguments: str) -> Outcome:
    """Runs gcloud with that key, without a login."""
    own = {"CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "false", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(key)}
    return gcloud(*arguments, **own)


@pytest.mark.parametrize(
    ("who", "permission", "command", "arguments", "said"),
    REFUSALS,
    ids=[f"{who} {permission}" for who, permission, *_ in REFUSALS],
)
def test_gcloud_names_the_permission_that_is_wanting(
    gcr_emulator: GcrEmulator,
    gcloud: Client,
    who: str,
    permission: str,
    command: str,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    key = gcr_emulator.key(ROLES[who], account=who)
    email = f"{who}@my-project.iam.gserviceaccount.com"

    refused = run_as(gcloud, key, *command.split(), *arguments)

    reason = said.format(email=email, permission=permission)
    name = f"gcloud.{command.replace(' ', '.')}"
    lines = [line.strip() for line in refused.lines]
    assert (refused.status, refused.stdout, lines[0].rstrip("."), " ".join(lines[1:])) == (
        1,
        "",
        f"ERROR: ({name}) {reason} This command is authenticated as {email} using the credentials in {key}, "
        "specified by the [auth/credential_file_override] property",
        "- '@type': type.googleapis.com/google.rpc.DebugInfo "
        f"detail: serviceAccount:{email} has no role with {permission}",
    )


def test_a_viewer_is_told_that_a_repository_is_not_there(gcr_emulator: GcrEmulator, gcloud: Client) -> None:
    key = gcr_emulator.key("roles/viewer", account="viewer")

    missing = run_as(gcloud, key, "artifacts", "repositories", "describe", "images", WHERE)

    email = "viewer@my-project.iam.gserviceaccount.com"
    said = (
        "ERROR: (gcloud.artifacts.repositories.describe) NOT_FOUND: Requested entity was not found. "
        f"This command is authenticated as {email} using the credentials in {key}, "
        "specified by the [auth/credential_file_override] property."
    )
    assert (missing.status, missing.stdout, missing.lines) == (1, "", [said])
