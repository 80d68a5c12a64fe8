"""The real gcloud's other commands for Artifact Registry: settings of repositories, packages, versions, tags.

Each test is a long story, because gcloud takes a second to start.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clients.command import Client
from support.registry_client import RegistryClient

from docker_credential_gcr.pytest_plugin import GcrEmulator

pytestmark = pytest.mark.in_turn

Ask = Callable[..., Any]
HOST = "europe-west1-docker.pkg.dev"
LOCATION = "projects/my-project/locations/europe-west1"
NAME = f"{LOCATION}/repositories/images"
APP = f"{NAME}/packages/app"
IMAGE = f"{HOST}/my-project/images/app"
WHERE = "--location=europe-west1"
IN_IMAGES = (WHERE, "--repository=images")
IN_APP = (*IN_IMAGES, "--package=app")
REPOSITORIES, PACKAGES = ("artifacts", "repositories"), ("artifacts", "packages")
VERSIONS, TAGS = ("artifacts", "versions"), ("artifacts", "tags")
POLICIES: list[dict[str, Any]] = [
    {
        "name": "keep-newest",
        "action": {"type": "Keep"},
        "mostRecentVersions": {"keepCount": 5, "packageNamePrefixes": ["app"]},
    },
    {
        "name": "old",
        "action": {"type": "Delete"},
        "condition": {"tagState": "tagged", "tagPrefixes": ["t"], "olderThan": "30d"},
    },
]


@pytest.mark.timeout(300)
def test_settings_of_a_repository_are_changed_and_read(
    gcr_emulator: GcrEmulator, gcloud: Client, ask: Ask, place: Path
) -> None:
    gcr_emulator.project()
    operation = ask(
        *REPOSITORIES, "create", "images", WHERE, "--repository-format=docker", "--labels=team=a", "--async"
    )
    done = ask("artifacts", "operations", "describe", operation["name"].rpartition("/")[2], WHERE)
    update = (*REPOSITORIES, "update", "images", WHERE)

    assert (operation["name"].rpartition("/")[0], done["done"]) == (f"{LOCATION}/operations", True)
    assert (done["response"]["name"], done["response"]["labels"]) == (NAME, {"team": "a"})

    ask(*update, "--description=New", "--update-labels=env=test", "--remove-labels=team")
    ask(*update, "--immutable-tags")
    changed = ask(*update, "--disable-vulnerability-scanning")

    assert changed == {
        "createTime": changed["createTime"],
        "description": "New",
        "dockerConfig": {"immutableTags": True},
        "format": "DOCKER",
        "labels": {"env": "test"},
        "mode": "STANDARD_REPOSITORY",
        "name": NAME,
        "registryUri": f"{HOST}/my-project/images",
        "updateTime": changed["updateTime"],
        "vulnerabilityScanningConfig": changed["vulnerabilityScanningConfig"],
    }
    assert changed["vulnerabilityScanningConfig"]["enablementConfig"] == "DISABLED"
    assert "dockerConfig" not in ask(*update, "--no-immutable-tags")

    # Google's documentation spells the file so; gcloud shows the policies in the API's.
    (place / "policies.json").write_text(json.dumps(POLICIES))
    written = f"--policy={place / 'policies.json'}"
    gcloud.succeed(*REPOSITORIES, "set-cleanup-policies", "images", WHERE, written, "--dry-run")
    listed = gcloud(*REPOSITORIES, "list-cleanup-policies", "images", WHERE)
    keep = {**POLICIES[0], "action": {"type": "KEEP"}}
    condition = {"olderThan": "2592000s", "tagPrefixes": ["t"], "tagState": "TAGGED"}
    old = {"name": "old", "action": {"type": "DELETE"}, "condition": condition}
    assert (listed.status, listed.lines[-1], json.loads(listed.stdout)) == (
        0,
        "Dry run is enabled.",
        [keep, old],
    )

    gcloud.succeed(*REPOSITORIES, "set-cleanup-policies", "images", WHERE, "--no-dry-run")
    gcloud.succeed(*REPOSITORIES, "delete-cleanup-policies", "images", WHERE, "--policynames=old")
    left = gcloud(*REPOSITORIES, "list-cleanup-policies", "images", WHERE)
    assert (left.lines[-1], json.loads(left.stdout)) == ("Dry run is disabled.", [keep])
    assert "europe-west1" in gcloud.succeed("artifacts", "locations", "list").split()


@pytest.mark.timeout(300)
def test_packages_versions_and_tags_are_listed_changed_and_deleted(
    gcr_emulator: GcrEmulator, gcloud: Client, ask: Ask
) -> None:
    gcr_emulator.repository("europe-west1", "images")
    client = RegistryClient(gcr_emulator.url, ("_json_key", gcr_emulator.key("roles/owner").read_text()))
    old, tool, new = (
        client.push_image(f"{HOST}/my-project/images/{image}", tag, layer)
        for image, tag, layer in (("app", "v1", b"1"), ("team/tool", "v1", b"2"), ("app", "v2", b"3"))
    )
    version = {digest: f"{APP}/versions/{digest}" for digest in (old, new)}

    by_age = ask(*PACKAGES, "list", *IN_IMAGES, "--sort-by=~CREATE_TIME")
    annotated = ask(*PACKAGES, "update", "app", *IN_IMAGES, "--annotations=team=a")
    found = ask(*PACKAGES, "describe", "team/tool", *IN_IMAGES)

    assert [package["name"] for package in by_age] == ["team/tool", "app"]
    assert (annotated["name"], annotated["annotations"]) == (APP, {"team": "a"})
    assert found["name"] == f"{NAME}/packages/team%2Ftool"

    (newest,) = ask(*VERSIONS, "list", *IN_APP, "--sort-by=~UPDATE_TIME", "--limit=1")
    described = ask(*VERSIONS, "describe", new, *IN_APP)
    (image,) = ask("artifacts", "docker", "images", "list", IMAGE, "--sort-by=~UPDATE_TIME", "--limit=1")
    details = ask("artifacts", "docker", "images", "describe", f"{IMAGE}:v1", "--show-all-metadata")

    assert (newest["name"], image["version"]) == (version[new], new)
    assert described == newest
    assert details["image_summary"]["digest"] == old

    gcloud.succeed(*TAGS, "create", "stable", f"--version={old}", *IN_APP)
    moved = ask(*TAGS, "update", "stable", f"--version={new}", *IN_APP)
    gcloud.succeed(*TAGS, "delete", "v1", *IN_APP)
    tags = ask(*TAGS, "list", *IN_APP)

    assert moved == {"name": f"{APP}/tags/stable", "version": version[new]}
    assert tags == [{"name": f"{APP}/tags/{tag}", "version": version[new]} for tag in ("stable", "v2")]

    # The version without tags goes; the other needs a flag, and its tags go with it.
    gcloud.succeed(*VERSIONS, "delete", old, *IN_APP)
    refused = gcloud(*VERSIONS, "delete", new, *IN_APP)
    gcloud.succeed(*VERSIONS, "delete", new, *IN_APP, "--delete-tags")
    gcloud.succeed(*PACKAGES, "delete", "team/tool", *IN_IMAGES)

    assert refused.status == 1
    assert "FAILED_PRECONDITION: Manifest is still referenced" in refused.stderr
    assert ask("artifacts", "docker", "images", "list", f"{HOST}/my-project/images") == []
    assert (
        client.get(
            f"/v2/{HOST}/my-project/images/team/tool/manifests/{tool}",
            repository=f"{HOST}/my-project/images/team/tool",
        ).status_code
        == 404
    )
