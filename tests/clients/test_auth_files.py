"""Files that `write-auth` and `configure-docker --authfile` write, read by the real clients."""

import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator

PROGRAM = Path(sysconfig.get_path("scripts")) / "docker-credential-gcr"
TO_PLAIN_HTTP = "--dest-tls-verify=false"


@pytest.fixture
def run_helper(environ: dict[str, str]) -> Callable[..., None]:
    """Runs a command of the helper as the clients' user."""

    def run(*arguments: object) -> None:
        subprocess.run([PROGRAM, *map(str, arguments)], env=environ, check=True, capture_output=True)

    return run


@pytest.fixture
def repository(gcr_emulator: GcrEmulator) -> str:
    return f"{gcr_emulator.registry}/my-project/app"


@pytest.fixture
def nothing(place: Path) -> str:
    """Creates a config.json for docker without a helper."""
    (place / "nothing").mkdir()
    return str(place / "nothing")


def test_skopeo_pushes_with_a_written_auth_json_and_calls_no_helper(
    skopeo, run_helper, helper_calls, repository: str, layout: str, nothing: str, place: Path
) -> None:
    file = place / "auth.json"
    push = ("copy", TO_PLAIN_HTTP, layout, f"docker://{repository}:v1")
    reader = {"DOCKER_CONFIG": nothing, "REGISTRY_AUTH_FILE": str(file)}

    before = skopeo(*push, **reader)
    run_helper("write-auth", "--format", "containers", "--output", file)
    helper_calls.take()
    after = skopeo(*push, **reader)

    assert (before.status, after.status) == (1, 0)
    assert helper_calls.take() == []


def test_docker_pushes_with_a_written_config_json_and_calls_no_helper(
    one_docker, run_helper, helper_calls, repository: str, layer: Path, place: Path
) -> None:
    folder = place / "written"
    one_docker.succeed("import", layer, f"{repository}:v1")

    run_helper("write-auth", "--format", "docker", "--output", folder / "config.json")
    helper_calls.take()
    one_docker.succeed("push", f"{repository}:v1", DOCKER_CONFIG=str(folder))

    assert helper_calls.take() == []


def test_a_configured_auth_json_makes_skopeo_ask_the_helper_until_it_is_taken_back(
    skopeo,
    run_helper,
    helper_calls,
    gcr_emulator: GcrEmulator,
    repository: str,
    layout: str,
    nothing: str,
    place: Path,
) -> None:
    file = place / "auth.json"
    registry = gcr_emulator.registry
    push = ("copy", TO_PLAIN_HTTP, layout, f"docker://{repository}:v1")
    reader = {"DOCKER_CONFIG": nothing, "REGISTRY_AUTH_FILE": str(file)}

    run_helper("configure-docker", "--registries", registry, "--authfile", file)
    helper_calls.take()
    configured = skopeo(*push, **reader)
    calls = helper_calls.take()
    run_helper("unconfigure-docker", "--authfile", file)
    unconfigured = skopeo(*push, **reader)

    assert (configured.status, unconfigured.status) == (0, 1)
    assert calls == [f"get {registry}"]
    assert not file.exists()
