"""docker with the helper in credHelpers: the everyday commands."""

import json
from pathlib import Path

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator


@pytest.fixture
def image(gcr_emulator: GcrEmulator) -> str:
    return f"{gcr_emulator.registry}/my-project/team/app:v1"


def test_what_is_pushed_is_what_is_pulled(docker, image: str, layer: Path) -> None:
    image_id = docker.succeed("import", layer, image).strip()
    digest = docker.succeed("push", image).split("digest: ")[1].split()[0]
    docker.succeed("image", "rm", image)

    pulled = docker.succeed("pull", image)

    assert pulled.splitlines()[-3:] == [
        f"Digest: {digest}",
        f"Status: Downloaded newer image for {image}",
        image,
    ]
    assert docker.succeed("image", "inspect", "--format", "{{.Id}}", image).strip() == image_id


def test_an_image_is_pulled_by_its_digest(docker, image: str, layer: Path) -> None:
    docker.succeed("import", layer, image)
    digest = docker.succeed("push", image).split("digest: ")[1].split()[0]
    docker.succeed("image", "rm", image)
    name = f"{image.removesuffix(':v1')}@{digest}"

    docker.succeed("pull", name)

    assert json.loads(docker.succeed("image", "inspect", name))[0]["RepoDigests"] == [name]


def test_every_tag_is_pushed_at_once(docker, image: str, layer: Path, gcr_emulator: GcrEmulator) -> None:
    docker.succeed("import", layer, image)
    docker.succeed("tag", image, image.replace(":v1", ":v2"))

    docker.succeed("push", "--all-tags", image.removesuffix(":v1"))

    put = [r["path"] for r in gcr_emulator.journal() if (r["method"], r["status"]) == ("PUT", 201)]
    assert sorted(path for path in put if "/manifests/" in path) == [
        "/v2/my-project/team/app/manifests/v1",
        "/v2/my-project/team/app/manifests/v2",
    ]


def test_a_layer_is_mounted_from_another_repository(
    docker, image: str, layer: Path, gcr_emulator: GcrEmulator
) -> None:
    other = f"{gcr_emulator.registry}/my-project/other:v1"
    docker.succeed("import", layer, image)
    docker.succeed("push", image)
    docker.succeed("tag", image, other)

    pushed = docker.succeed("push", other)

    assert "Mounted from my-project/team/app" in pushed
    assert [(r["status"], r["query"]["from"]) for r in gcr_emulator.journal() if "mount" in r["query"]] == [
        (201, ["my-project/team/app"])
    ]


def test_manifest_inspect_shows_what_was_pushed(docker, image: str, layer: Path) -> None:
    docker.succeed("import", layer, image)
    docker.succeed("push", image)

    manifest = json.loads(docker.succeed("manifest", "inspect", "--insecure", image))

    assert (manifest["mediaType"], len(manifest["layers"])) == (
        "application/vnd.docker.distribution.manifest.v2+json",
        1,
    )


def test_build_starts_from_a_private_image(docker, image: str, layer: Path, place: Path) -> None:
    docker.succeed("import", layer, image)
    docker.succeed("push", image)
    docker.succeed("image", "rm", image)
    context = place / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {image}\nCOPY Dockerfile /\n")

    docker.succeed("build", "--tag", "built", context)

    layers = json.loads(docker.succeed("image", "inspect", "built"))[0]["RootFS"]["Layers"]
    assert len(layers) == 2


def test_create_pulls_a_private_image(docker, image: str, layer: Path) -> None:
    docker.succeed("import", layer, image)
    docker.succeed("push", image)
    docker.succeed("image", "rm", image)

    docker.succeed("create", image, "/none")

    assert image in docker.succeed("images", "--format", "{{.Repository}}:{{.Tag}}")
