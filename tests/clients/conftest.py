"""The real clients of this machine, each with its own storage, configuration and home.

A client that is missing skips its tests, and fails them where CI is true.
"""

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import _client_packages
import _environment
import _image
import pytest
import requests
from clients.command import Client, HelperCalls, find_programs, nameable_directory
from clients.docker.engine import engine as run_engine
from clients.emulator_run import waiting_run
from clients.gcloud.google_cloud import (
    DOMAIN_PROJECT,
    INSTALL,
    PROJECT,
    GoogleCloud,
    skip_without_google_cloud,
)
from clients.logins.foreign_registry import registry as run_registry
from support.child_processes import OF_THE_SESSION, list_children

from docker_credential_gcr.emulator.cli.server.env import format_environment
from docker_credential_gcr.pytest_plugin import GcrEmulator

# vfs needs no mount; the rest keeps what podman writes out of the machine's own directories.
STORAGE = '[storage]\ndriver = "vfs"\ngraphroot = "{0}/graph"\nrunroot = "{0}/run"\n'
ENGINE = (
    '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nlock_type = "file"\n'
    'tmp_dir = "{0}/libpod"\n[network]\nnetwork_backend = "netavark"\n'
)


def require(program: str) -> str:
    """Returns the program's path."""
    path = shutil.which(program)
    if path is None:
        reason = f"{program} is not installed: {_client_packages.install_command(program)}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def require_program() -> Callable[[str], str]:
    """Returns `require`, for tests that start a program themselves."""
    return require


@pytest.fixture
def place() -> Iterator[Path]:
    """Yields the test's own directory."""
    with nameable_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def image_maker() -> ModuleType:
    """Returns scripts/_image.py, which creates images."""
    return _image


@pytest.fixture
def layer(place: Path) -> Path:
    """Creates a layer's tar that no test has pushed."""
    path = place / "layer.tar"
    path.write_bytes(_image.make_layer(place.name.encode()))
    return path


@pytest.fixture
def layout(place: Path) -> str:
    """Creates an image as an OCI layout."""
    _image.make_layout(place / "layout", place.name.encode())
    return f"oci:{place / 'layout'}"


@pytest.fixture
def revoke(gcr_emulator: GcrEmulator) -> Callable[[Path], None]:
    """Deletes a key of a service account, as `gcloud iam service-accounts keys delete` does."""

    def delete(key: Path) -> None:
        document = json.loads(key.read_text())
        name = f"projects/-/serviceAccounts/{document['client_email']}/keys/{document['private_key_id']}"
        with requests.Session() as session:
            session.trust_env = False  # no proxy: localhost would be the proxy's own machine
            session.delete(f"{gcr_emulator.url}/v1/{name}", timeout=30).raise_for_status()

    return delete


@pytest.fixture
def helper_calls(place: Path) -> HelperCalls:
    """Records the calls of the helper, which the clients find first on PATH."""
    (place / "bin").mkdir()
    return HelperCalls(place / "bin", Path(sysconfig.get_path("scripts")) / "docker-credential-gcr")


@pytest.fixture(scope="session")
def isolate() -> Callable[[Path], dict[str, str]]:
    """Returns an environment with a separate home: its `bin` is first on PATH, its storage is empty."""

    def make(place: Path) -> dict[str, str]:
        environ = _environment.isolated_environ(place / "home", place / "bin")
        (place / "storage.conf").write_text(STORAGE.format(place))
        (place / "containers.conf").write_text(ENGINE.format(place))
        environ["CONTAINERS_STORAGE_CONF"] = str(place / "storage.conf")
        environ["CONTAINERS_CONF"] = str(place / "containers.conf")
        # The machine has no keyring for a key from `docker login -u _json_key`.
        environ["DOCKER_CREDENTIAL_GCR_KEYRING"] = "file"
        return environ

    return make


@pytest.fixture
def environ(
    place: Path,
    gcr_emulator: GcrEmulator,
    helper_calls: HelperCalls,
    isolate: Callable[[Path], dict[str, str]],
) -> dict[str, str]:
    """Returns the clients' environment: config.json names the helper, which has an editor's key."""
    environ = isolate(place)
    for name in ("DOCKER_CREDENTIAL_GCR_CONFIG", "DOCKER_CREDENTIAL_GCR_CACHE_DIR"):
        environ[name] = os.environ[name]
    environ["DOCKER_CONFIG"] = str(gcr_emulator.docker_config)
    helper_calls.take()
    return environ


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """Yields the address of a separate Docker Engine."""
    require("dockerd")
    if os.geteuid() != 0:
        pytest.skip("a Docker Engine needs root")
    place = tempfile.TemporaryDirectory(prefix="gcr-", dir="/tmp")
    before = list_children()
    with place as directory, run_engine(Path(directory)) as address:
        OF_THE_SESSION.update(list_children().keys() - before.keys())
        yield address


@pytest.fixture
def make_docker(engine: str, environ: dict[str, str]) -> Iterator[Callable[[str], Client]]:
    """Creates clients from paths of docker CLIs; removes their images from the engine in the end."""
    # `docker manifest` of 20.10 asks for EXPERIMENTAL; a legacy build is what reads the credHelpers.
    settings = {"DOCKER_HOST": engine, "DOCKER_CLI_EXPERIMENTAL": "enabled", "DOCKER_BUILDKIT": "0"}

    def make(program: str) -> Client:
        return Client(program, environ | settings)

    yield make
    clear = Client(require("docker"), environ | settings)
    if containers := clear.succeed("ps", "--all", "--quiet").split():
        clear.succeed("rm", "--force", *containers)
    if images := set(clear.succeed("images", "--all", "--quiet").split()):
        clear("image", "rm", "--force", *images)


@pytest.fixture(params=find_programs("docker", os.environ["PATH"]) or ["docker"])
def docker(request: pytest.FixtureRequest, make_docker: Callable[[str], Client]) -> Client:
    """Returns each docker CLI on PATH in turn."""
    return make_docker(require(request.param))


@pytest.fixture
def one_docker(make_docker: Callable[[str], Client]) -> Client:
    """Returns the first docker CLI on PATH, for tests in which only the engine matters."""
    return make_docker(require("docker"))


@pytest.fixture
def find_client(environ: dict[str, str]) -> Callable[[str], Client]:
    """Finds the client of a name."""
    return lambda name: Client(require(name), environ)


@pytest.fixture
def podman(environ: dict[str, str]) -> Client:
    return Client(require("podman"), environ)


@pytest.fixture
def skopeo(environ: dict[str, str]) -> Client:
    return Client(require("skopeo"), environ)


@pytest.fixture
def gcloud(gcr_emulator: GcrEmulator, place: Path, isolate: Callable[[Path], dict[str, str]]) -> Client:
    """Returns gcloud, configured for the emulator, without a login: it has the rights of a local program."""
    program = shutil.which("gcloud")
    if program is None:
        # Skipped on CI too: Debian has no package of gcloud.
        pytest.skip(INSTALL.format("gcloud"))
    variables = {name: value for name, value in format_environment(gcr_emulator.url).items() if value}
    settings = {
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_PROJECT": "my-project",
    }
    return Client(program, isolate(place) | variables | settings)


@pytest.fixture
def ask(gcloud: Client) -> Callable[..., Any]:
    """Runs gcloud; returns the JSON that it prints."""
    return lambda *arguments: json.loads(gcloud.succeed(*arguments, "--format=json"))


@pytest.fixture(params=["podman", "buildah"])
def builder(request: pytest.FixtureRequest, environ: dict[str, str]) -> Client:
    """Returns podman and buildah in turn, which store images and take the same commands."""
    return Client(require(request.param), environ)


@pytest.fixture(params=["podman", "buildah", "skopeo"])
def member(request: pytest.FixtureRequest, environ: dict[str, str]) -> Client:
    """Returns podman, buildah and skopeo in turn, which log in alike."""
    return Client(require(request.param), environ)


@pytest.fixture
def make_foreign_registry(place: Path) -> Iterator[Callable[..., str]]:
    """Starts registries that are not Google's, and returns their addresses."""
    require("docker-registry")
    with ExitStack() as stack:

        def make(passwords: Path | None = None) -> str:
            registry = run_registry(place / "foreign", passwords=passwords)
            return stack.enter_context(registry)

        yield make


@pytest.fixture
def foreign_registry(make_foreign_registry: Callable[..., str]) -> str:
    """Returns the address of a registry that is not Google's and needs no credential."""
    return make_foreign_registry()


@pytest.fixture
def foreign_registry_with_password(make_foreign_registry: Callable[..., str], place: Path) -> str:
    """Returns the address of such a registry with the user `user`, whose password is `word`."""
    lines = subprocess.check_output([require("htpasswd"), "-Bbn", "user", "word"])
    (place / "passwords").write_bytes(lines)
    return make_foreign_registry(place / "passwords")


@pytest.fixture(scope="module")
def google_cloud(isolate: Callable[[Path], dict[str, str]]) -> Iterator[GoogleCloud]:
    """Yields Google's names over TLS, an image to push, and the keys of an owner, a viewer and a stranger."""
    skip_without_google_cloud()
    require("skopeo")
    options = ["--project", PROJECT, "--project", DOMAIN_PROJECT]
    with tempfile.TemporaryDirectory(prefix="gcr-", dir="/tmp") as directory:
        place = Path(directory)
        _image.make_layout(place / "layout", b"image")
        with waiting_run(options, isolate(place)) as inside:
            cloud = GoogleCloud(place, inside)
            cloud.make_person("owner", "roles/owner")
            cloud.make_person("viewer", "roles/viewer")
            cloud.make_person("stranger")
            yield cloud
