"""The real gcloud signs in with a key, and its helper for docker answers for the emulator."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from clients.command import Client
from clients.refusals import MAY_NOT_PUSH

from docker_credential_gcr.pytest_plugin import GcrEmulator

pytestmark = pytest.mark.in_turn

ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
# The scopes that gcloud requests by default, in the order in which the emulator returns them.
SCOPES = [
    "https://www.googleapis.com/auth/appengine.admin",
    CLOUD_PLATFORM,
    "https://www.googleapis.com/auth/compute",
    "https://www.googleapis.com/auth/sqlservice.login",
    "https://www.googleapis.com/auth/userinfo.email",
    "openid",
]


@pytest.fixture
def person(gcloud: Client) -> Client:
    """Returns gcloud for a user who signs in."""
    return Client(gcloud.program, gcloud.environ | {"CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "false"})


def describe_token(gcr_emulator: GcrEmulator, token: str) -> tuple[str, list[str]]:
    """Returns the account's number, and the scopes of the access token."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy: localhost would be the proxy's own machine
        url, query = f"{gcr_emulator.url}/oauth2/v3/tokeninfo", {"access_token": token.strip()}
        document = session.get(url, params=query, timeout=30).json()
    return document["azp"], sorted(document["scope"].split())


def find_number(key: Path) -> str:
    """Returns the number of the key's account."""
    return str(json.loads(key.read_text())["client_id"])


def test_an_activated_service_account_gets_access_tokens(gcr_emulator: GcrEmulator, person: Client) -> None:
    key = gcr_emulator.key()

    activated = person("auth", "activate-service-account", f"--key-file={key}")

    said = f"Activated service account credentials for: [{ACCOUNT}]"
    assert (activated.status, activated.stdout, activated.lines) == (0, "", [said])
    listed = json.loads(person.succeed("auth", "list", "--format=json"))
    assert listed == [{"account": ACCOUNT, "status": "ACTIVE"}]
    token = person.succeed("auth", "print-access-token")
    assert describe_token(gcr_emulator, token) == (find_number(key), SCOPES)


def test_a_key_signs_in_as_a_credential_file(gcr_emulator: GcrEmulator, person: Client) -> None:
    login = person("auth", "login", f"--cred-file={gcr_emulator.key()}")

    said = f"Authenticated with service account credentials for: [{ACCOUNT}]."
    assert (login.status, login.stdout, login.lines[0]) == (0, "", said)
    assert person.succeed("projects", "list", "--format=value(projectId)") == "my-project\n"


def test_a_deleted_key_gets_no_access_token(
    gcr_emulator: GcrEmulator, person: Client, revoke: Callable[[Path], None]
) -> None:
    key = gcr_emulator.key()
    revoke(key)
    person.environ["CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"] = str(key)

    refused = person("auth", "print-access-token")

    assert (refused.status, refused.stdout, refused.lines[:3]) == (
        1,
        "",
        [
            "ERROR: (gcloud.auth.print-access-token) There was a problem refreshing auth tokens for account "
            f"{ACCOUNT}: ('invalid_grant: Invalid JWT Signature.', "
            "{'error': 'invalid_grant', 'error_description': 'Invalid JWT Signature.'})",
            "Please run:",
            "  $ gcloud auth activate-service-account --key-file=SERVICE_ACCOUNT_FILE_PATH",
        ],
    )


def test_application_default_credentials_are_a_key(gcr_emulator: GcrEmulator, person: Client) -> None:
    key = gcr_emulator.key()
    person.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(key)

    token = person.succeed("auth", "application-default", "print-access-token")

    assert describe_token(gcr_emulator, token) == (find_number(key), [CLOUD_PLATFORM])


def test_gcloud_gets_no_access_token_before_a_login(person: Client) -> None:
    refused = person("auth", "print-access-token")

    assert (refused.status, refused.stdout, refused.lines[:3]) == (
        1,
        "",
        [
            "ERROR: (gcloud.auth.print-access-token) You do not currently have an active account selected.",
            "Please run:",
            "  $ gcloud auth login",
        ],
    )


def test_docker_pushes_and_pulls_through_gclouds_own_helper(
    gcr_emulator: GcrEmulator, person: Client, one_docker: Client, layer: Path
) -> None:
    registry, home = gcr_emulator.registry, Path(person.environ["HOME"])
    person.succeed("auth", "activate-service-account", f"--key-file={gcr_emulator.key()}")
    person.succeed("auth", "configure-docker", registry)
    assert json.loads((home / ".docker" / "config.json").read_text()) == {"credHelpers": {registry: "gcloud"}}
    docker = Client(
        one_docker.program, one_docker.environ | person.environ | {"DOCKER_CONFIG": str(home / ".docker")}
    )
    image = f"{registry}/my-project/app:v1"
    docker.succeed("import", layer, image)

    digest = docker.succeed("push", image).split("digest: ")[1].split()[0]
    docker.succeed("image", "rm", image)

    assert f"Digest: {digest}" in docker.succeed("pull", image)
    put = [r["path"] for r in gcr_emulator.journal() if (r["method"], r["status"]) == ("PUT", 201)]
    assert put[-1] == "/v2/my-project/app/manifests/v1"


def test_docker_is_told_what_a_viewer_may_not_do(
    gcr_emulator: GcrEmulator, person: Client, one_docker: Client, layer: Path
) -> None:
    registry, home = gcr_emulator.registry, Path(person.environ["HOME"])
    key = gcr_emulator.key("roles/viewer", account="viewer")
    person.succeed("auth", "configure-docker", registry)
    own = {"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(key), "DOCKER_CONFIG": str(home / ".docker")}
    docker = Client(one_docker.program, one_docker.environ | person.environ | own)
    image = f"{registry}/my-project/app:v1"
    docker.succeed("import", layer, image)

    refused = docker("push", image)

    assert (refused.status, refused.lines) == (1, [MAY_NOT_PUSH])
