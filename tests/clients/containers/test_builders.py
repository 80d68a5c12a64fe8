"""podman and buildah with the helper in credHelpers of config.json."""

import json
from pathlib import Path

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator

PLAIN_HTTP = "--tls-verify=false"  # unlike docker, they need it for a registry on loopback too


@pytest.fixture
def image(builder, gcr_emulator: GcrEmulator, place: Path) -> str:
    """Creates an image that only the builder has."""
    context = place / "first"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY name /\n")
    (context / "name").write_text(place.name)
    name = f"{gcr_emulator.registry}/my-project/team/app:v1"
    builder.succeed("build", "--tag", name, context)
    return name


def test_what_is_pushed_is_what_is_pulled(builder, image: str, place: Path) -> None:
    builder.succeed("push", PLAIN_HTTP, "--digestfile", place / "digest", image)
    built = find_image(builder, image)
    builder.succeed("rmi", image)

    pulled = builder.succeed("pull", PLAIN_HTTP, image)

    assert pulled.strip() == built
    assert find_image(builder, image) == built


def test_an_image_is_pulled_by_its_digest(builder, image: str, place: Path) -> None:
    builder.succeed("push", PLAIN_HTTP, "--digestfile", place / "digest", image)
    built = find_image(builder, image)
    builder.succeed("rmi", image)

    name = f"{image.removesuffix(':v1')}@{(place / 'digest').read_text()}"

    assert builder.succeed("pull", PLAIN_HTTP, name).strip() == built


def test_build_starts_from_a_private_image(builder, image: str, place: Path) -> None:
    builder.succeed("push", PLAIN_HTTP, image)
    builder.succeed("rmi", image)
    (place / "Dockerfile").write_text(f"FROM {image}\nLABEL second=1\n")

    built = builder.succeed("build", PLAIN_HTTP, "--tag", "second", place)

    assert built.splitlines()[-2] == "Successfully tagged localhost/second:latest"


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_both_forms_of_a_manifest_are_pushed_and_pulled(builder, image: str, form: str, skopeo) -> None:
    builder.succeed("push", PLAIN_HTTP, "--format", form, image)
    built = find_image(builder, image)
    builder.succeed("rmi", image)

    assert builder.succeed("pull", PLAIN_HTTP, image).strip() == built
    manifest = json.loads(skopeo.succeed("inspect", "--raw", PLAIN_HTTP, f"docker://{image}"))
    assert (
        manifest["config"]["mediaType"]
        == {
            "oci": "application/vnd.oci.image.config.v1+json",
            "v2s2": "application/vnd.docker.container.image.v1+json",
        }[form]
    )


def test_search_lists_the_tags(podman, image: str, builder) -> None:
    builder.succeed("push", PLAIN_HTTP, image)

    listed = podman.succeed("search", PLAIN_HTTP, "--list-tags", image.removesuffix(":v1"))

    assert [line.split() for line in listed.splitlines()[1:]] == [image.rsplit(":", 1)]


def test_create_pulls_a_private_image(podman, image: str, builder) -> None:
    builder.succeed("push", PLAIN_HTTP, image)
    builder.succeed("rmi", image)

    podman.succeed("create", PLAIN_HTTP, image, "/none")

    assert image in podman.succeed("images", "--format", "{{.Repository}}:{{.Tag}}")


def find_image(builder, name: str) -> str:
    """Returns the full ID of the image."""
    listed = builder.succeed("images", "--no-trunc", "--quiet", name)
    return listed.strip().removeprefix("sha256:")
