"""docker login and logout, with the helper and without it."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator

BAD_CREDENTIALS = (
    "unauthorized: You don't have the needed permissions to perform this operation, and you may have "
    "invalid credentials. To authenticate your request, follow the steps in: "
    "https://cloud.google.com/container-registry/docs/advanced-authentication"
)


@pytest.fixture
def plain(docker, place: Path):
    """Returns the client with a separate configuration, without our helper."""
    docker.environ["DOCKER_CONFIG"] = str(place / "plain")
    return docker


def load_config(client) -> dict:
    return json.loads((Path(client.environ["DOCKER_CONFIG"]) / "config.json").read_text())


def format_password(user: str, key: Path, gcr_emulator: GcrEmulator, environ: dict[str, str]) -> str:
    """Returns the password of the user."""
    if user == "_json_key":
        return key.read_text().rstrip("\n")  # docker removes the last line break
    if user == "_json_key_base64":
        return base64.b64encode(key.read_bytes()).decode()
    return ask_helper(environ, gcr_emulator.registry)


def ask_helper(environ: dict[str, str], registry: str) -> str:
    """Returns the access token that the helper gives for the registry."""
    answer = subprocess.check_output(["docker-credential-gcr", "get"], input=registry, env=environ, text=True)
    return json.loads(answer)["Secret"]


@pytest.mark.parametrize("user", ["_json_key", "_json_key_base64", "oauth2accesstoken"])
def test_login_without_the_helper_keeps_the_password_and_pushes(
    user: str, plain, environ: dict[str, str], gcr_emulator: GcrEmulator, layer: Path
) -> None:
    registry, image = gcr_emulator.registry, f"{gcr_emulator.registry}/my-project/app:1"
    password = format_password(user, gcr_emulator.key(), gcr_emulator, environ)
    plain.succeed("import", layer, image)

    done = plain("login", "-u", user, "--password-stdin", registry, stdin=password)

    assert (done.status, done.stdout) == (0, "Login Succeeded\n")
    kept = base64.b64decode(load_config(plain)["auths"][registry]["auth"]).decode()
    assert kept == f"{user}:{password}"
    plain.succeed("push", image)
    plain.succeed("pull", image)
    assert plain.succeed("logout", registry) == f"Removing login credentials for {registry}\n"
    assert load_config(plain)["auths"] == {}
    assert plain("pull", image).lines[-1].endswith(BAD_CREDENTIALS)


def test_a_wrong_key_is_not_kept(plain, gcr_emulator: GcrEmulator, place: Path) -> None:
    registry = gcr_emulator.registry

    done = plain("login", "-u", "_json_key", "--password-stdin", registry, stdin="{}")

    assert (done.status, done.stdout, done.stderr) == (
        1,
        "",
        f'Error response from daemon: Get "http://{registry}/v2/": {BAD_CREDENTIALS}\n',
    )
    assert not (place / "plain").exists()


def test_login_through_the_helper_passes_the_token_back_and_keeps_none(
    docker, helper_calls, gcr_emulator: GcrEmulator
) -> None:
    registry = gcr_emulator.registry
    token = ask_helper(docker.environ, registry)
    helper_calls.take()

    out = docker.succeed("login", registry)

    assert out.splitlines()[-1] == "Login Succeeded"
    get, store = helper_calls.take()
    assert get == f"get {registry}"
    assert json.loads(store.removeprefix("store ")) == {
        "ServerURL": registry,
        "Username": "oauth2accesstoken",
        "Secret": token,
    }
    assert load_config(docker) == {"auths": {registry: {}}, "credHelpers": {registry: "gcr"}}


def test_logout_leaves_the_helper_in_place(docker, gcr_emulator: GcrEmulator) -> None:
    registry = gcr_emulator.registry
    docker.succeed("login", registry)

    done = docker("logout", registry)

    assert (done.status, done.stdout, done.stderr) == (
        0,
        f"Removing login credentials for {registry}\n",
        "",
    )
    assert load_config(docker) == {"auths": {}, "credHelpers": {registry: "gcr"}}
    docker.succeed("login", registry)


def test_login_with_a_key_goes_to_the_helper(docker, helper_calls, gcr_emulator: GcrEmulator) -> None:
    registry, key = gcr_emulator.registry, gcr_emulator.key().read_text().rstrip("\n")

    docker.succeed("login", "-u", "_json_key", "--password-stdin", registry, stdin=key)

    (store,) = helper_calls.take()
    assert json.loads(store.removeprefix("store ")) == {
        "ServerURL": registry,
        "Username": "_json_key",
        "Secret": key,
    }
    assert load_config(docker) == {"auths": {registry: {}}, "credHelpers": {registry: "gcr"}}
