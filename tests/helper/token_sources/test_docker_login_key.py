"""Service account keys that `login --key-file` stored: for one host, or for all hosts of Google."""

import json
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.errors import ConfigError, NoToken
from docker_credential_gcr.helper.credential_store.entries import StoredLogin
from docker_credential_gcr.helper.token_sources import docker_login


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Returns an environment with a key for all hosts of Google, and another for one of them."""
    kept = {"*": {"Username": "_json_key", "Stamp": "1"}, "gcr.io": {"Username": "_json_key", "Stamp": "2"}}
    path = tmp_path / "docker_credential_gcr_logins.json"
    path.write_text(json.dumps({"version": 1, "logins": kept}))
    path.chmod(0o600)
    return {"HOME": str(tmp_path), "DOCKER_CREDENTIAL_GCR_CONFIG": str(tmp_path / "config.json")}


@pytest.mark.parametrize(
    ("host", "identity"),
    [
        ("gcr.io", ("login", "gcr.io", "2")),
        ("us.gcr.io", ("login", "*", "1")),
        ("us-docker.pkg.dev", ("login", "*", "1")),
    ],
)
def test_a_hosts_own_key_goes_before_that_of_all(
    environ: dict[str, str], host: str, identity: tuple[str, ...]
) -> None:
    assert docker_login.find_source(host, environ, "linux").identity[:3] == identity


@pytest.mark.parametrize("host", ["localhost:5000", "r.example"])
def test_the_key_of_all_is_not_for_other_registries(environ: dict[str, str], host: str) -> None:
    with pytest.raises(NoToken):
        docker_login.find_source(host, environ, "linux")


def test_the_whole_store_does_not_list_it(helper: Any) -> None:
    kept = {name: {"Username": "u", "Stamp": "1", "Secret": "s"} for name in ("*", "quay.io")}
    logins = helper.config.with_name("docker_credential_gcr_logins.json")
    helper.configure({})
    logins.write_text(json.dumps({"version": 1, "logins": kept}))
    logins.chmod(0o600)
    config = helper.home / ".docker/config.json"
    config.parent.mkdir()
    config.write_text('{"credsStore": "gcr"}')

    listed = json.loads(helper("list").stdout)

    assert (listed["quay.io"], "*" in listed) == ("u", False)


@pytest.mark.parametrize("name", docker_login.KEYRING_VARIABLES)
def test_z76_a_key_in_a_keyring_is_another_where_a_variable_leads_to_another_keyring(name: str) -> None:
    def find_identities(secret: str | None) -> list[tuple[str, ...]]:
        kept = StoredLogin("gcr.io", "_json_key", "1", secret)
        return [docker_login.DockerLogin(kept, {name: value}).identity for value in ("one", "two")]

    in_keyring, in_file = find_identities(None), find_identities("{}")

    assert in_keyring[0] != in_keyring[1]
    assert in_file == [("login", "gcr.io", "1")] * 2


def test_z76_no_key_is_taken_out_where_that_is_switched_off(environ: dict[str, str]) -> None:
    variable = "DOCKER_CREDENTIAL_GCR_KEYRING"
    with pytest.raises(NoToken, match=f"^{variable} is off: the stored key is not read$"):
        docker_login.find_source("gcr.io", environ | {variable: "off"}, "linux")
    with pytest.raises(ConfigError, match=f"^{variable} must be one of keyring, file, off$"):
        docker_login.find_source("gcr.io", environ | {variable: "bogus"}, "linux")
