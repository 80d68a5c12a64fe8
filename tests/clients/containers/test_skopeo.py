"""skopeo with the helper in credHelpers of config.json."""

import json
from pathlib import Path

import pytest
from support.checkout import DOCS

from docker_credential_gcr.pytest_plugin import GcrEmulator

PLAIN_HTTP = "--tls-verify=false"
FROM_PLAIN_HTTP, TO_PLAIN_HTTP = "--src-tls-verify=false", "--dest-tls-verify=false"


@pytest.fixture
def repository(gcr_emulator: GcrEmulator) -> str:
    return f"docker://{gcr_emulator.registry}/my-project/team/app"


@pytest.fixture
def digest(skopeo, layout: str, repository: str) -> str:
    """Pushes the image as v1; returns its digest."""
    skopeo.succeed("copy", TO_PLAIN_HTTP, layout, f"{repository}:v1")
    return json.loads(skopeo.succeed("inspect", layout))["Digest"]


@pytest.mark.usefixtures("digest")
def test_what_is_pushed_is_what_is_pulled(skopeo, repository: str, place: Path) -> None:
    skopeo.succeed("copy", FROM_PLAIN_HTTP, f"{repository}:v1", f"oci:{place / 'pulled'}")

    assert find_blobs(place / "pulled") == find_blobs(place / "layout")


def test_inspect_tells_digest_and_tags(skopeo, digest: str, repository: str, layout: str) -> None:
    skopeo.succeed("copy", TO_PLAIN_HTTP, layout, f"{repository}:v2")

    inspected = json.loads(skopeo.succeed("inspect", PLAIN_HTTP, f"{repository}:v1"))

    assert (inspected["Digest"], inspected["RepoTags"]) == (digest, ["v1", "v2"])


@pytest.mark.usefixtures("digest")
def test_list_tags(skopeo, repository: str) -> None:
    assert json.loads(skopeo.succeed("list-tags", PLAIN_HTTP, repository)) == {
        "Repository": repository.removeprefix("docker://"),
        "Tags": ["v1"],
    }


def test_copy_between_repositories_mounts_the_layers(
    skopeo, digest: str, repository: str, gcr_emulator: GcrEmulator
) -> None:
    other = f"docker://{gcr_emulator.registry}/my-project/other:v1"

    skopeo.succeed("copy", FROM_PLAIN_HTTP, TO_PLAIN_HTTP, f"{repository}:v1", other)

    assert json.loads(skopeo.succeed("inspect", PLAIN_HTTP, other))["Digest"] == digest
    mounts = [r for r in gcr_emulator.journal() if "mount" in r["query"]]
    assert {(r["status"], *r["query"]["from"]) for r in mounts} == {(201, "my-project/team/app")}


@pytest.mark.usefixtures("digest")
def test_sync_copies_every_tag(skopeo, repository: str, layout: str, place: Path) -> None:
    skopeo.succeed("copy", TO_PLAIN_HTTP, layout, f"{repository}:v2")
    source = repository.removeprefix("docker://")

    skopeo.succeed("sync", FROM_PLAIN_HTTP, "--src", "docker", "--dest", "dir", source, place / "synced")

    assert sorted(path.name for path in (place / "synced").iterdir()) == ["app:v1", "app:v2"]


@pytest.mark.usefixtures("digest")
def test_j_z64_delete_of_a_tagged_image_says_which_tag_holds_it(skopeo, repository: str) -> None:
    page = (DOCS / "clients.md").read_text("utf-8")
    told = "Manifest is still referenced by tag: v1"

    refused = skopeo("delete", PLAIN_HTTP, f"{repository}:v1")

    # skopeo 1.9 shows the error's code, skopeo 1.22 says that it does not know the code.
    assert (refused.status, told in refused.stderr, f"`{told}`" in page) == (1, True, True)


def test_delete_of_an_untagged_image(skopeo, digest: str, repository: str, place: Path, image_maker) -> None:
    image_maker.make_layout(place / "newer", b"newer")
    skopeo.succeed("copy", TO_PLAIN_HTTP, f"oci:{place / 'newer'}", f"{repository}:v1")

    skopeo.succeed("delete", PLAIN_HTTP, f"{repository}@{digest}")

    gone = skopeo("inspect", PLAIN_HTTP, f"{repository}@{digest}")
    assert (gone.status, "manifest unknown" in gone.stderr) == (1, True)


def find_blobs(layout: Path) -> set[str]:
    return {path.name for path in (layout / "blobs/sha256").iterdir()}
