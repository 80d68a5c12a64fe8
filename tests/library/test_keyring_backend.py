"""Backend of `keyring`: the services that it answers, and those that it leaves to other backends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from keyring.backends import chainer, fail
from keyring.errors import KeyringError, NoKeyringError

from docker_credential_gcr.keyring_backend import PythonIndexKeyring

FOREIGN = (
    *(
        "https://index.example/simple/",
        "https://upload.index.example/legacy/",
        "docker-credential-gcr",
        "system",
    ),
    *("https://us-python.pkg.dev.evil.example/simple/", "https://us-docker.pkg.dev/v2/", "gcr.io"),
    *("http://us-python.pkg.dev/p/r/simple/", "https://us-npm.pkg.dev/p/r/", "localhost:1", ""),
)


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PythonIndexKeyring:
    """Returns the backend, in an environment where a token file serves every host."""
    (tmp_path / "token").write_text("ya29.keyring")
    configuration = tmp_path / "config.json"
    configuration.write_text(json.dumps({"TokenSources": [f"token-file:{tmp_path / 'token'}"]}))
    monkeypatch.setenv("DOCKER_CREDENTIAL_GCR_CONFIG", str(configuration))
    return PythonIndexKeyring()


@pytest.mark.parametrize("username", [None, "oauth2accesstoken"])
@pytest.mark.parametrize("service", ["https://us-python.pkg.dev/p/r/simple/", "us-python.pkg.dev"])
def test_a_python_index_of_google_s_gets_a_credential(
    keyring: PythonIndexKeyring, service: str, username: str | None
) -> None:
    credential = keyring.get_credential(service, username)

    assert credential is not None
    assert (credential.username, credential.password) == ("oauth2accesstoken", "ya29.keyring")
    assert keyring.get_password(service, username) == "ya29.keyring"


@pytest.mark.parametrize("service", FOREIGN)
def test_any_other_service_gets_none(keyring: PythonIndexKeyring, service: str) -> None:
    assert keyring.get_credential(service, None) is None
    assert keyring.get_password(service, "oauth2accesstoken") is None


def test_another_user_name_is_left_to_the_other_backends(keyring: PythonIndexKeyring) -> None:
    assert keyring.get_credential("https://us-python.pkg.dev/p/r/simple/", "_json_key_base64") is None


@pytest.mark.parametrize("service", ["https://index.example/simple/", "docker-credential-gcr"])
def test_a_malformed_configuration_is_no_concern_of_other_services(
    keyring: PythonIndexKeyring, service: str
) -> None:
    Path(os.environ["DOCKER_CREDENTIAL_GCR_CONFIG"]).write_text("{")

    assert keyring.get_credential(service, None) is None
    with pytest.raises(KeyringError, match="is malformed"):
        keyring.get_credential("us-python.pkg.dev", None)


def test_nothing_can_be_kept_in_it(keyring: PythonIndexKeyring) -> None:
    with pytest.raises(NoKeyringError):
        keyring.set_password("service", "me", "secret")
    with pytest.raises(NoKeyringError):
        keyring.delete_password("service", "me")


def test_a_keyring_that_stores_is_asked_after_it(
    keyring: PythonIndexKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Storing(fail.Keyring):
        kept = ()

        def set_password(self, service: str, username: str, password: str, msg: str | None = None) -> None:
            del msg
            self.kept = (service, username, password)

    storing = Storing()
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [keyring, storing])

    chainer.ChainerBackend().set_password("docker-credential-gcr", "me", "secret")

    assert storing.kept == ("docker-credential-gcr", "me", "secret")


def test_alone_it_is_no_keyring_for_a_login_of_docker_s(tmp_path: Path) -> None:
    triple = {"ServerURL": "quay.io", "Username": "me", "Secret": "s3cret"}
    backend = "docker_credential_gcr.keyring_backend.PythonIndexKeyring"

    done = subprocess.run(
        [sys.executable, "-m", "docker_credential_gcr", "store"],
        input=json.dumps(triple),
        env={"HOME": str(tmp_path), "PATH": os.defpath, "PYTHON_KEYRING_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(
        "docker-credential-gcr: this machine has no keyring: the login is stored in "
    )
