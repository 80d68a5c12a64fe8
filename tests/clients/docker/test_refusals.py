"""Refusals, as docker shows them: they must tell a user what to do."""

from pathlib import Path

import pytest
from clients.refusals import MAY_NOT_PUSH, NOT_AUTHORIZED

from docker_credential_gcr.pytest_plugin import GcrEmulator


@pytest.fixture
def image(docker, gcr_emulator: GcrEmulator, layer: Path) -> str:
    """Creates an image in the registry and in the engine."""
    name = f"{gcr_emulator.registry}/my-project/app:1"
    docker.succeed("import", layer, name)
    docker.succeed("push", name)
    return name


def in_daemon(image: str, reason: str) -> str:
    registry, _, rest = image.partition("/")
    path = rest.replace(":", "/manifests/")
    return f'Error response from daemon: Head "http://{registry}/v2/{path}": {reason}'


def test_a_viewer_pulls_and_is_refused_on_push(docker, image: str, gcr_emulator: GcrEmulator) -> None:
    gcr_emulator.configure_docker(gcr_emulator.key("roles/viewer", account="viewer"))

    docker.succeed("pull", image)
    refused = docker("push", image)

    assert (refused.status, refused.lines) == (1, [MAY_NOT_PUSH])


def test_an_account_without_a_role_may_not_pull(docker, image: str, gcr_emulator: GcrEmulator) -> None:
    gcr_emulator.configure_docker(gcr_emulator.key(None, account="no-role"))

    refused = docker("pull", image)

    assert (refused.status, refused.lines) == (1, [in_daemon(image, "denied: Access denied.")])


def test_without_a_key_there_is_no_image(docker, image: str) -> None:
    anonymous = {"DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE": "none"}

    pull, push = docker("pull", image, **anonymous), docker("push", image, **anonymous)

    assert (pull.status, pull.lines) == (1, [in_daemon(image, NOT_AUTHORIZED)])
    assert (push.status, push.lines) == (1, [NOT_AUTHORIZED])


def test_without_a_key_a_public_image_is_pulled(docker, image: str, gcr_emulator: GcrEmulator) -> None:
    gcr_emulator.grant("roles/storage.objectViewer", "allUsers")

    done = docker("pull", image, DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE="none")

    assert (done.status, done.stderr) == (0, "")


def test_a_missing_image_is_named(docker, image: str) -> None:
    refused = docker("pull", f"{image}x")

    path = image.partition("/")[2].replace(":", "/manifests/")
    assert (refused.status, refused.lines) == (
        1,
        [
            f"Error response from daemon: manifest for {image}x not found: "
            f'manifest unknown: Failed to fetch "1x" from request "/v2/{path}x".'
        ],
    )


def test_a_revoked_key_stops_while_its_token_is_in_the_cache(
    docker, image: str, gcr_emulator: GcrEmulator, revoke
) -> None:
    key = gcr_emulator.key(account="gone")
    gcr_emulator.configure_docker(key)
    docker.succeed("pull", image)

    revoke(key)

    assert docker("pull", image).lines == [in_daemon(image, NOT_AUTHORIZED)]
    assert docker("push", image).lines == [NOT_AUTHORIZED]


def test_a_revoked_key_buys_no_token_and_the_helper_says_so(
    docker, image: str, gcr_emulator: GcrEmulator, revoke
) -> None:
    key = gcr_emulator.key(account="gone")
    gcr_emulator.configure_docker(key)
    revoke(key)

    refused = docker("pull", image)

    helper, hint, docker_s = refused.lines
    assert helper.startswith(
        f"docker-credential-gcr: no access token for {gcr_emulator.registry}: file: "
        f"{gcr_emulator.registry} answered 400: invalid_grant: "
    )
    assert hint.startswith("hint: ")
    assert docker_s == in_daemon(image, NOT_AUTHORIZED)


def test_a_helper_that_fails_is_heard_by_every_command(docker, image: str, gcr_emulator: GcrEmulator) -> None:
    failing = {"DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE": "file:/nowhere"}
    reason = (
        f"no access token for {gcr_emulator.registry}: file: "
        "cannot read key file '/nowhere': No such file or directory"
    )
    said = [f"docker-credential-gcr: {reason}", "hint: name the JSON key file of a service account"]
    absent = f"{image}x"

    lines = {
        command[0]: docker(*command, **failing).lines
        for command in (
            ["pull", image],
            ["push", image],
            ["create", absent],
            ["login", gcr_emulator.registry],
        )
    }

    if docker.version.startswith("20."):  # it continues without a credential
        created = in_daemon(absent, NOT_AUTHORIZED)
    else:
        created = f"error getting credentials - err: exit status 1, out: `{reason}`"
    assert lines == {
        "pull": [*said, in_daemon(image, NOT_AUTHORIZED)],
        "push": [*said, NOT_AUTHORIZED],
        "create": [f"Unable to find image '{absent}' locally", *said, created],
        "login": [*said, "Error: Cannot perform an interactive login from a non TTY device"],
    }


def test_a_helper_that_fails_does_not_stop_a_build_that_needs_none(
    docker, place: Path, gcr_emulator: GcrEmulator
) -> None:
    (place / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")

    done = docker("build", place, DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE="file:/nowhere")

    warned = f"Failed to get credentials for registry: {gcr_emulator.registry}" in done.stderr
    assert (done.status, warned) == (0, not docker.version.startswith("20."))
    assert "hint: name the JSON key file of a service account" in done.lines
