"""Refusals, as podman, buildah and skopeo show them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from clients.refusals import NOT_AUTHORIZED

from docker_credential_gcr.pytest_plugin import GcrEmulator

NOT_SIGNED_IN = f"unable to retrieve auth token: invalid username/password: {NOT_AUTHORIZED}"
# They do not show the registry's own text for a 403.
MAY_NOT = "Requesting bearer token: invalid status code from registry 403 (Forbidden)"


@pytest.fixture(params=["podman", "buildah", "skopeo"])
def pull_and_push(
    request: pytest.FixtureRequest, find_client, place: Path, gcr_emulator: GcrEmulator, image_maker
) -> tuple[Callable[..., object], Callable[..., object]]:
    """Returns a pull and a push of an image in the registry, as functions of the environment."""
    client = find_client(request.param)
    image = f"{gcr_emulator.registry}/my-project/app:1"
    if request.param == "skopeo":
        image_maker.make_layout(place / "layout", b"")
        push = ["copy", "--dest-tls-verify=false", f"oci:{place / 'layout'}", f"docker://{image}"]
        pull = ["copy", "--src-tls-verify=false", f"docker://{image}", f"oci:{place / 'pulled'}"]
    else:
        (place / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
        client.succeed("build", "--tag", image, place)
        push = ["push", "--tls-verify=false", image]
        # buildah does not ask the registry for an image that it has.
        always = ["--policy=always"] if request.param == "buildah" else []
        pull = ["pull", "--tls-verify=false", *always, image]
    client.succeed(*push)
    return (lambda **environ: client(*pull, **environ)), (lambda **environ: client(*push, **environ))


def find_reason(outcome) -> str:
    """Returns the reason at the end of a failure, without the steps before it."""
    assert outcome.status != 0, outcome
    return outcome.stderr.rstrip().removesuffix('"')


def test_a_viewer_pulls_and_is_refused_on_push(pull_and_push, gcr_emulator: GcrEmulator) -> None:
    pull, push = pull_and_push
    gcr_emulator.configure_docker(gcr_emulator.key("roles/viewer", account="viewer"))

    assert pull().status == 0
    assert find_reason(push()).endswith(MAY_NOT)


def test_an_account_without_a_role_may_not_pull(pull_and_push, gcr_emulator: GcrEmulator) -> None:
    pull, _ = pull_and_push
    gcr_emulator.configure_docker(gcr_emulator.key(None, account="no-role"))

    assert find_reason(pull()).endswith(MAY_NOT)


def test_without_a_key_there_is_no_image(pull_and_push) -> None:
    pull, push = pull_and_push
    anonymous = {"DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE": "none"}

    assert find_reason(pull(**anonymous)).endswith(NOT_SIGNED_IN)
    assert find_reason(push(**anonymous)).endswith(NOT_SIGNED_IN)


def test_without_a_key_a_public_image_is_pulled(pull_and_push, gcr_emulator: GcrEmulator) -> None:
    pull, _ = pull_and_push
    gcr_emulator.grant("roles/storage.objectViewer", "allUsers")

    assert pull(DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE="none").status == 0


def test_a_revoked_key_stops_while_its_token_is_in_the_cache(
    pull_and_push, gcr_emulator: GcrEmulator, revoke
) -> None:
    pull, push = pull_and_push
    key = gcr_emulator.key(account="gone")
    gcr_emulator.configure_docker(key)
    assert pull().status == 0

    revoke(key)

    assert find_reason(pull()).endswith(NOT_SIGNED_IN)
    assert find_reason(push()).endswith(NOT_SIGNED_IN)


def test_a_helper_that_fails_stops_them_and_is_heard(pull_and_push, gcr_emulator: GcrEmulator) -> None:
    reason = (
        f"no access token for {gcr_emulator.registry}: file: "
        "cannot read key file '/nowhere': No such file or directory"
    )

    outcomes = [call(DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE="file:/nowhere") for call in pull_and_push]

    for outcome in outcomes:
        assert outcome.status != 0
        assert f"docker-credential-gcr: {reason}" in outcome.lines
        assert "hint: name the JSON key file of a service account" in outcome.lines
        assert f"error getting credentials - err: exit status 1, out: `{reason}`" in outcome.stderr


def test_a_full_disk_is_named_by_its_status(pull_and_push, gcr_emulator: GcrEmulator) -> None:
    pull, push = pull_and_push
    # The registry's own response is tested in tests/emulator/test_full_disk.py.
    gcr_emulator.faults.set({"method": "PUT", "path": "/v2/*/manifests/*", "status": 507, "body": "{}"})

    assert find_reason(push()).endswith("received unexpected HTTP status: 507 Insufficient Storage")
    assert pull().status == 0
