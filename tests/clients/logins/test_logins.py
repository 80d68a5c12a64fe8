"""A registry that is not Google's, with the helper as the store of its logins."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator

LOGIN = ("login", "--username", "user", "--password-stdin")


@pytest.fixture
def store(docker):
    """Returns docker with the helper as its credsStore."""
    config = Path(docker.environ["DOCKER_CONFIG"]) / "config.json"
    config.write_text('{"credsStore": "gcr"}')
    return docker


@pytest.fixture
def find_logins(environ: dict[str, str]) -> Callable[[], dict[str, str]]:
    """Returns the stored user of each registry, from the file next to the helper's configuration."""
    path = Path(environ["DOCKER_CREDENTIAL_GCR_CONFIG"]).with_name("docker_credential_gcr_logins.json")

    def find() -> dict[str, str]:
        logins = json.loads(path.read_text())["logins"] if path.exists() else {}
        return {name: login["Username"] for name, login in logins.items()}

    return find


def test_edge_40_docker_logs_in_pushes_pulls_and_logs_out(
    store: Any, foreign_registry_with_password: str, layer: Path, find_logins: Any, gcr_emulator: GcrEmulator
) -> None:
    registry, image = foreign_registry_with_password, f"{foreign_registry_with_password}/team/app:1"
    store.succeed("import", layer, image)
    assert store("push", image).status != 0

    assert store.succeed(*LOGIN, registry, stdin="word") == "Login Succeeded\n"
    assert find_logins() == {registry: "user"}
    store.succeed("push", image)
    store.succeed("image", "rm", image)
    store.succeed("pull", image)

    assert "word" not in (Path(store.environ["DOCKER_CONFIG"]) / "config.json").read_text()
    store.succeed("logout", registry)
    assert find_logins() == {}
    assert store("push", image).status != 0
    assert [entry for entry in gcr_emulator.journal() if entry["path"] == "/token"] == []


def test_edge_40_docker_s_wrong_password_is_not_kept(
    store: Any, foreign_registry_with_password: str, find_logins: Any
) -> None:
    done = store(*LOGIN, foreign_registry_with_password, stdin="wrong")

    assert done.status != 0
    assert find_logins() == {}


def test_edge_40_docker_logs_in_on_a_machine_without_a_keyring(
    store: Any, foreign_registry_with_password: str, find_logins: Any
) -> None:
    store.environ |= {
        "DOCKER_CREDENTIAL_GCR_KEYRING": "keyring",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }

    done = store(*LOGIN, foreign_registry_with_password, stdin="word")

    assert done.status == 0
    assert list(find_logins()) == [foreign_registry_with_password]


def test_edge_40_skopeo_logs_in_pushes_pulls_and_logs_out(
    skopeo: Any, foreign_registry_with_password: str, image_maker: Any, place: Path, find_logins: Any
) -> None:
    registry, image = foreign_registry_with_password, f"docker://{foreign_registry_with_password}/team/app:1"
    auth = place / "auth.json"
    auth.write_text(json.dumps({"credHelpers": {registry: "gcr"}}))
    skopeo.environ["REGISTRY_AUTH_FILE"] = str(auth)
    image_maker.make_layout(place / "image", b"team/app")
    push = ("--insecure-policy", "copy", "--dest-tls-verify=false", f"oci:{place}/image", image)
    pull = ("--insecure-policy", "copy", "--src-tls-verify=false", image, f"oci:{place}/copy")
    assert skopeo(*push).status != 0

    skopeo.succeed(*LOGIN, "--tls-verify=false", registry, stdin="word")
    assert find_logins() == {registry: "user"}
    skopeo.succeed(*push)
    skopeo.succeed(*pull)

    skopeo.succeed("logout", registry)
    assert find_logins() == {}
    assert skopeo(*push).status != 0
    assert "word" not in auth.read_text()
    assert os.listdir(place / "copy")
