"""The fixture gcr_emulator: the keys that it makes, and what it loads."""

import json
import stat
import subprocess
import sys

import pytest
import requests
from child_processes import LIMIT_S

EMAIL = "ci@my-project.iam.gserviceaccount.com"


def load(path):
    return json.loads(path.read_text())


def test_key_is_a_key_file_of_the_account_and_of_its_owner_alone(gcr_emulator):
    path = gcr_emulator.key()

    key = load(path)
    account = requests.get(
        f"{gcr_emulator.url}/v1/projects/-/serviceAccounts/{EMAIL}", timeout=LIMIT_S
    ).json()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n")
    assert key == {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": key["private_key_id"],
        "private_key": key["private_key"],
        "client_email": EMAIL,
        "client_id": account["uniqueId"],
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": f"{gcr_emulator.url}/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/"
        "ci%40my-project.iam.gserviceaccount.com",
        "universe_domain": "googleapis.com",
    }


def test_keys_differ_in_their_ids_and_never_expire(gcr_emulator):
    made = [load(gcr_emulator.key(account=account)) for account in ("ci", "other", "ci")]

    accounts = f"{gcr_emulator.url}/v1/projects/-/serviceAccounts"
    described = [
        requests.get(f"{accounts}/{key['client_email']}/keys/{key['private_key_id']}", timeout=LIMIT_S).json()
        for key in made
    ]
    assert len({key["private_key_id"] for key in made}) == 3
    assert {key["validBeforeTime"] for key in described} == {"9999-12-31T23:59:59Z"}


def test_key_of_an_account_that_cannot_be_is_refused_with_the_reason(gcr_emulator):
    with pytest.raises(ValueError, match="Invalid account ID"):
        gcr_emulator.key(account="X")


def test_plugin_itself_loads_no_library_of_the_extra():
    script = "import sys, docker_credential_gcr.pytest_plugin; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT_S)

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "pytest" in loaded
    assert loaded & {"cryptography", "granian", "jwt", "requests", "sqlalchemy", "starlette"} == set()
