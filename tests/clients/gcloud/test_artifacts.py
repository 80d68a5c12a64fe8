"""The real gcloud creates repositories of Artifact Registry, and lists, tags and deletes what is in them."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from clients.command import Client

from docker_credential_gcr.pytest_plugin import GcrEmulator

pytestmark = pytest.mark.in_turn

Ask = Callable[..., Any]
HOST = "europe-west1-docker.pkg.dev"
WHERE = "--location=europe-west1"
NAME = "projects/my-project/locations/europe-west1/repositories/images"
IMAGE = f"{HOST}/my-project/images/app"
REPOSITORIES = ("artifacts", "repositories")
IMAGES = ("artifacts", "docker", "images")
TAGS = ("artifacts", "docker", "tags")


@pytest.fixture
def digest(gcr_emulator: GcrEmulator, skopeo: Client, place: Path, image_maker: ModuleType) -> str:
    """Pushes an image to a repository as `app:v1`; returns its digest."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy: localhost would be the proxy's own machine
        path, query = NAME.rpartition("/")[0], {"repositoryId": "images"}
        made = session.post(
            f"{gcr_emulator.url}/v1/{path}", params=query, json={"format": "DOCKER"}, timeout=30
        )
        made.raise_for_status()
    digest: str = image_maker.make_layout(place / "layout", b"hello")
    image = f"docker://{gcr_emulator.registry}/{IMAGE}:v1"
    skopeo.succeed("copy", "--dest-tls-verify=false", f"oci:{place}/layout", image)
    return digest


def describe_tag(tag: str, digest: str) -> dict[str, str]:
    package = f"{NAME}/packages/app"
    return {"image": IMAGE, "tag": f"{package}/tags/{tag}", "version": f"{package}/versions/{digest}"}


def test_a_repository_is_created_listed_shared_and_deleted(
    gcr_emulator: GcrEmulator, gcloud: Client, ask: Ask
) -> None:
    gcr_emulator.project()
    created = ask(
        *REPOSITORIES, "create", "images", WHERE, "--repository-format=docker", "--description=Ours"
    )

    at = created["createTime"]
    repository = {
        "createTime": at,
        "description": "Ours",
        "format": "DOCKER",
        "mode": "STANDARD_REPOSITORY",
        "name": NAME,
        "registryUri": f"{HOST}/my-project/images",
        "updateTime": at,
    }
    assert created == {**repository, "sizeBytes": "0"}
    assert ask(*REPOSITORIES, "list") == [created]
    assert ask(*REPOSITORIES, "describe", "images", WHERE) == repository

    binding = ("--member=user:ada@example.com", "--role=roles/artifactregistry.reader")
    policy = ask(*REPOSITORIES, "add-iam-policy-binding", "images", WHERE, *binding)

    assert policy == {
        "bindings": [{"members": ["user:ada@example.com"], "role": "roles/artifactregistry.reader"}],
        "etag": policy["etag"],
        "version": 1,
    }
    assert ask(*REPOSITORIES, "get-iam-policy", "images", WHERE) == policy

    gcloud.succeed(*REPOSITORIES, "delete", "images", WHERE)

    assert ask(*REPOSITORIES, "list") == []


def test_what_is_pushed_is_listed_and_described(ask: Ask, digest: str) -> None:
    (listed,) = ask(*IMAGES, "list", f"{HOST}/my-project/images", "--include-tags")

    assert listed == {
        "createTime": listed["createTime"],
        "metadata": {
            "buildTime": None,
            "imageSizeBytes": "268",
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "name": f"{NAME}/dockerImages/app@{digest}",
        },
        "package": IMAGE,
        "tags": ["v1"],
        "updateTime": listed["createTime"],
        "version": digest,
    }
    assert ask(*IMAGES, "describe", f"{IMAGE}:v1") == {
        "image_summary": {
            "digest": digest,
            "fully_qualified_digest": f"{IMAGE}@{digest}",
            "registry": HOST,
            "repository": "images",
            "slsa_build_level": "unknown",
        }
    }


def test_a_tag_is_added_listed_and_deleted(gcloud: Client, ask: Ask, digest: str) -> None:
    gcloud.succeed(*TAGS, "add", f"{IMAGE}:v1", f"{IMAGE}:stable")

    assert ask(*TAGS, "list", IMAGE) == [describe_tag("stable", digest), describe_tag("v1", digest)]

    gcloud.succeed(*TAGS, "delete", f"{IMAGE}:v1")

    assert ask(*TAGS, "list", IMAGE) == [describe_tag("stable", digest)]


def test_a_tagged_image_is_deleted_with_its_tags_alone(gcloud: Client, ask: Ask, digest: str) -> None:
    refused = gcloud(*IMAGES, "delete", f"{IMAGE}@{digest}")

    assert (refused.status, refused.lines) == (
        1,
        [
            f"ERROR: (gcloud.artifacts.docker.images.delete) Cannot delete image {IMAGE}@{digest} "
            "because it is tagged. Existing tags are:",
            f"- {IMAGE}:v1",
        ],
    )

    gcloud.succeed(*IMAGES, "delete", f"{IMAGE}@{digest}", "--delete-tags")

    assert ask(*IMAGES, "list", f"{HOST}/my-project/images") == []


@pytest.mark.usefixtures("digest")
def test_an_image_that_is_not_there_is_not_found(gcloud: Client) -> None:
    missing = gcloud(*IMAGES, "describe", f"{IMAGE}:v2")

    said = "ERROR: (gcloud.artifacts.docker.images.describe) Image not found."
    assert (missing.status, missing.stdout, missing.lines[0]) == (1, "", said)


def test_a_virtual_repository_is_created_changed_and_pulled_from(
    gcr_emulator: GcrEmulator, gcloud: Client, ask: Ask, skopeo: Client, place: Path, digest: str
) -> None:
    gcloud.succeed(*REPOSITORIES, "create", "empty", WHERE, "--repository-format=docker")
    policies = [
        {"id": name, "repository": f"{NAME.rpartition('/')[0]}/{name}", "priority": priority}
        for name, priority in (("empty", 100), ("images", 80))
    ]
    path = place / "policies.json"
    path.write_text(json.dumps(policies))
    virtual = (WHERE, "--repository-format=docker", "--mode=virtual-repository")
    created = ask(*REPOSITORIES, "create", "all", *virtual, f"--upstream-policy-file={path}")

    assert created["mode"] == "VIRTUAL_REPOSITORY"
    assert created["virtualRepositoryConfig"] == {"upstreamPolicies": policies}
    image = f"docker://{gcr_emulator.registry}/{HOST}/my-project/all/app:v1"
    skopeo.succeed("copy", "--src-tls-verify=false", image, f"oci:{place}/pulled")
    inspected = skopeo.succeed("inspect", "--tls-verify=false", "--format={{.Digest}}", image)
    assert inspected.strip() == digest
    path.write_text(json.dumps(policies[:1]))
    changed = ask(*REPOSITORIES, "update", "all", WHERE, f"--upstream-policy-file={path}")
    assert changed["virtualRepositoryConfig"] == {"upstreamPolicies": policies[:1]}
    assert ask(*REPOSITORIES, "describe", "all", WHERE) == changed
