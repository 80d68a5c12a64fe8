"""Fixture gcr_emulator: the keys that it creates, and the modules that it loads."""

import json
import re
import stat
import subprocess
import sys

import pytest
import requests
from support.child_processes import LIMIT_S

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


@pytest.mark.parametrize("ask", ["key", "grant"])
@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ("roles/edtor", "no such role: 'roles/edtor'; did you mean roles/editor"),
        ("viewer", "no such role: 'viewer'; did you mean roles/viewer?"),
        (
            "roles/storage.legacyBucketWriter",
            "roles/storage.legacyBucketWriter can be granted on buckets only",
        ),
    ],
)
def test_d15_mistyped_role_is_refused_with_the_nearest(gcr_emulator, ask, role, reason):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}"):
        gcr_emulator.key(role) if ask == "key" else gcr_emulator.grant(role, "allUsers")


@pytest.mark.parametrize("role", ["projects/my-project/roles/pusher", "organizations/1/roles/pusher"])
def test_d15_custom_role_is_taken(gcr_emulator, role):
    gcr_emulator.grant(role, "allUsers")

    policy = requests.post(
        f"{gcr_emulator.url}/v1/projects/my-project:getIamPolicy", json={}, timeout=LIMIT_S
    ).json()
    assert {"role": role, "members": ["allUsers"]} in policy["bindings"]


def test_d15_mistyped_member_is_refused_with_what_was_meant(gcr_emulator):
    reason = "'me@example.com' is not a member; did you mean user:me@example.com?"
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        gcr_emulator.grant("roles/viewer", "me@example.com")


def test_d15_mistyped_location_is_refused_with_the_nearest(gcr_emulator):
    with pytest.raises(ValueError, match=r"^no such location: 'usa'; did you mean us\?$"):
        gcr_emulator.repository("usa")


ACCOUNT = f"serviceAccount:{EMAIL}"
REFUSED = {
    "project": (lambda emulator: emulator.project("X"), "POST /v1/projects: 400 field "),
    "repository": (
        lambda emulator: emulator.repository("us", "X_"),
        "POST /v1/projects/my-project/locations/us/repositories?repositoryId=X_: 400 invalid repository id",
    ),
    "account": (
        lambda emulator: emulator.grant("roles/viewer", ACCOUNT),
        f"POST /v1/projects/my-project:setIamPolicy: 400 Service account {EMAIL} does not exist.",
    ),
    "clock": (
        lambda emulator: emulator.clock.set(1e300),
        "PUT /_emulator/clock: 400 now is not in the years 1970 to 6325",
    ),
}


@pytest.mark.parametrize(("call", "reason"), REFUSED.values(), ids=REFUSED)
def test_d15_what_the_emulator_refuses_is_said_in_its_words(gcr_emulator, call, reason):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}"):
        call(gcr_emulator)


def test_d15_list_of_faults_is_told_how_it_is_said(gcr_emulator):
    with pytest.raises(TypeError, match=re.escape("faults.set({...}, {...})")):
        gcr_emulator.faults.set([{"status": 503}])


def test_d15_repository_is_made_once_and_takes_a_push(gcr_emulator, connect):
    names = [gcr_emulator.repository("us", "images") for _ in range(2)]

    path = "us-docker.pkg.dev/my-project/images"
    assert names == [f"{gcr_emulator.registry}/{path}"] * 2
    assert connect().push_image(f"{path}/app", "v1").startswith("sha256:")
