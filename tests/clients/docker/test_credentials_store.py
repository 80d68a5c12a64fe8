"""The helper as docker's one credsStore, for Google's registries and for foreign ones."""

import json
from pathlib import Path

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator


@pytest.fixture
def store(docker):
    """Returns docker with the helper as credsStore, and no credHelpers."""
    config = Path(docker.environ["DOCKER_CONFIG"]) / "config.json"
    config.write_text('{"credsStore": "gcr"}')
    return docker


def test_the_helper_answers_for_google_s_registry(
    store, gcr_emulator: GcrEmulator, layer: Path, helper_calls
) -> None:
    image = f"{gcr_emulator.registry}/my-project/app:1"
    store.succeed("import", layer, image)

    store.succeed("push", image)
    store.succeed("pull", image)

    assert helper_calls.take() == [f"get {gcr_emulator.registry}"] * 2


def test_a_foreign_registry_is_used_without_a_credential(
    store, foreign_registry: str, layer: Path, helper_calls, gcr_emulator: GcrEmulator
) -> None:
    image = f"{foreign_registry}/team/app:1"
    store.succeed("import", layer, image)

    store.succeed("push", image)
    store.succeed("image", "rm", image)
    done = store("pull", image)

    assert (done.status, done.stderr) == (0, "")
    assert helper_calls.take() == [f"get {foreign_registry}"] * 2
    assert [r for r in gcr_emulator.journal() if r["path"] == "/token"] == []


def test_logout_asks_for_each_spelling_and_succeeds(store, gcr_emulator: GcrEmulator, helper_calls) -> None:
    registry = gcr_emulator.registry
    store.succeed("login", registry)
    helper_calls.take()

    done = store("logout", registry)

    assert (done.status, done.stderr) == (0, "")
    assert helper_calls.take() == [
        f"erase {registry}",
        f"erase {registry}",
        f"erase http://{registry}",
        f"erase https://{registry}",
    ]


def test_a_foreign_registry_with_a_password_is_not_in_the_way_of_credhelpers(
    docker, foreign_registry_with_password: str, layer: Path, gcr_emulator: GcrEmulator
) -> None:
    foreign = f"{foreign_registry_with_password}/team/app:1"
    ours = f"{gcr_emulator.registry}/my-project/app:1"
    docker.succeed("import", layer, foreign)
    docker.succeed("tag", foreign, ours)
    docker.succeed("login", "-u", "user", "--password-stdin", foreign_registry_with_password, stdin="word")

    docker.succeed("push", foreign)
    docker.succeed("push", ours)

    config = json.loads((Path(docker.environ["DOCKER_CONFIG"]) / "config.json").read_text())
    assert config == {
        "auths": {foreign_registry_with_password: {"auth": "dXNlcjp3b3Jk"}},
        "credHelpers": {gcr_emulator.registry: "gcr"},
    }
