"""login and logout of podman, buildah and skopeo, with credHelpers in either of their files."""

import json
from pathlib import Path

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator

PLAIN_HTTP = "--tls-verify=false"


@pytest.fixture(params=["config.json", "auth.json"])
def auth_file(request: pytest.FixtureRequest, environ: dict[str, str], place: Path) -> Path:
    """Returns the file that names the helper: docker's own, or that of the containers tools."""
    config = Path(environ["DOCKER_CONFIG"]) / "config.json"
    if request.param == "config.json":
        return config
    environ["REGISTRY_AUTH_FILE"] = str(place / "auth.json")
    return config.rename(place / "auth.json")


@pytest.fixture
def nothing(environ: dict[str, str], place: Path) -> Path:
    """Returns the absent file of a configuration without our helper."""
    environ["REGISTRY_AUTH_FILE"] = str(place / "nothing.json")
    environ["DOCKER_CONFIG"] = str(place / "nowhere")
    return place / "nothing.json"


def test_login_finds_the_helper(auth_file: Path, member, gcr_emulator: GcrEmulator) -> None:
    registry, before = gcr_emulator.registry, auth_file.read_text()

    out = member.succeed("login", PLAIN_HTTP, registry)

    assert out.splitlines() == [
        f"Authenticating with existing credentials for {registry}",
        f"Existing credentials are valid. Already logged in to {registry}",
    ]
    assert member.succeed("login", "--get-login", registry) == "oauth2accesstoken\n"
    assert auth_file.read_text() == before


def test_login_with_a_key_goes_to_the_helper(
    auth_file: Path, member, gcr_emulator: GcrEmulator, helper_calls
) -> None:
    registry, key = gcr_emulator.registry, gcr_emulator.key()

    out = member.succeed(
        "login", PLAIN_HTTP, "-u", "_json_key", "--password-stdin", registry, stdin=key.read_text()
    )

    assert out == "Login Succeeded!\n"
    get, store = helper_calls.take()
    assert get == f"get {registry}"
    stored = json.loads(store.removeprefix("store "))
    assert (stored["ServerURL"], stored["Username"]) == (registry, "_json_key")
    # They remove the line breaks from their stdin.
    assert json.loads(stored["Secret"]) == json.loads(key.read_text())
    assert json.loads(auth_file.read_text())["credHelpers"] == {registry: "gcr"}


def test_logout_leaves_the_helper_in_place(auth_file: Path, member, gcr_emulator: GcrEmulator) -> None:
    registry = gcr_emulator.registry

    out = member.succeed("logout", registry)

    assert out == f"Removed login credentials for {registry}\n"
    assert json.loads(auth_file.read_text()) == {"auths": {}, "credHelpers": {registry: "gcr"}}


def test_logout_of_all_takes_the_helper_out(
    auth_file: Path, member, gcr_emulator: GcrEmulator, helper_calls
) -> None:
    out = member.succeed("logout", "--all")

    assert out == "Removed login credentials for all registries\n"
    assert helper_calls.take() == [f"erase {gcr_emulator.registry}"]
    assert json.loads(auth_file.read_text()) == {"auths": {}}


def test_login_without_the_helper_keeps_the_key(
    nothing: Path, member, skopeo, gcr_emulator: GcrEmulator, place: Path, image_maker
) -> None:
    registry, key = gcr_emulator.registry, gcr_emulator.key()
    image_maker.make_layout(place / "layout", b"")
    push = [
        "copy",
        "--dest-tls-verify=false",
        f"oci:{place / 'layout'}",
        f"docker://{registry}/my-project/a:1",
    ]
    assert skopeo(*push).status == 1

    member.succeed(
        "login", PLAIN_HTTP, "-u", "_json_key", "--password-stdin", registry, stdin=key.read_text()
    )

    assert list(json.loads(nothing.read_text())["auths"]) == [registry]
    skopeo.succeed(*push)
    member.succeed("logout", registry)
    assert json.loads(nothing.read_text()) == {"auths": {}}


def test_a_wrong_key_is_refused(nothing: Path, member, gcr_emulator: GcrEmulator) -> None:
    registry = gcr_emulator.registry

    refused = member("login", PLAIN_HTTP, "-u", "_json_key", "--password-stdin", registry, stdin="{}")

    assert refused.status != 0
    assert refused.stderr.strip('\n"').endswith('": invalid username/password') or refused.lines == [
        f'Error: logging into "{registry}": invalid username/password'
    ]
    assert not nothing.exists() or json.loads(nothing.read_text()) == {}


def test_credsstore_is_not_asked(member, environ: dict[str, str], gcr_emulator, helper_calls) -> None:
    (Path(environ["DOCKER_CONFIG"]) / "config.json").write_text('{"credsStore": "gcr"}')

    refused = member("login", "--get-login", gcr_emulator.registry)

    assert refused.status != 0
    assert f"not logged into {gcr_emulator.registry}" in refused.stderr
    assert helper_calls.take() == []
