"""Tokens of the metadata server, and the APIs that accept them."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
from google.auth.transport.requests import Request
from google.oauth2 import id_token
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.gce_instance import Instance
from docker_credential_gcr.emulator.google.metadata.tokens import narrow_scopes
from docker_credential_gcr.emulator.google.metadata.tree import find_instance_id

ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
SERVICE_ACCOUNT = f"/computeMetadata/v1/instance/service-accounts/{ACCOUNT}"
PREFIX = "https://www.googleapis.com/auth/"
PLATFORM, READ_ONLY, READ_WRITE = (
    f"{PREFIX}{name}" for name in ("cloud-platform", "devstorage.read_only", "devstorage.read_write")
)
NOW = 1_800_000_000

Emulator = Any
Fetch = Callable[..., requests.Response]


@pytest.fixture
def fetch(gcr_emulator: Emulator) -> Fetch:
    """Returns a function that requests a token of an editor's account."""
    gcr_emulator.key("roles/editor")
    gcr_emulator.metadata.set(account=ACCOUNT)

    def get(name: str = "token", **params: str) -> requests.Response:
        url = f"{gcr_emulator.url}{SERVICE_ACCOUNT}/{name}"
        return requests.get(url, params=params, headers={"Metadata-Flavor": "Google"}, timeout=30)

    return get


def ask_registry(gcr_emulator: Emulator, token: str, actions: str) -> int:
    client = RegistryClient(gcr_emulator.url, ("_token", token))
    return int(client.ask_token(f"repository:my-project/app:{actions}").status_code)


def test_a_token_is_returned_until_five_minutes_are_left(gcr_emulator: Emulator, fetch: Fetch) -> None:
    gcr_emulator.clock.set(NOW)
    first = fetch().json()
    assert first == {"access_token": first["access_token"], "expires_in": 3599, "token_type": "Bearer"}
    gcr_emulator.clock.set(NOW + 3299)
    assert fetch().json() == {**first, "expires_in": 300}

    gcr_emulator.clock.set(NOW + 3300)

    second = fetch().json()
    assert second == {**first, "access_token": second["access_token"]}
    assert second["access_token"] != first["access_token"]
    assert ask_registry(gcr_emulator, first["access_token"], "pull,push") == 200


def test_no_token_from_another_time_is_returned(gcr_emulator: Emulator, fetch: Fetch) -> None:
    gcr_emulator.clock.set(NOW + 100)
    late = fetch().json()["access_token"]

    gcr_emulator.clock.set(NOW)

    assert fetch().json()["access_token"] != late


def test_reset_forgets_the_tokens_and_the_machine(gcr_emulator: Emulator, fetch: Fetch) -> None:
    token = fetch().json()["access_token"]

    gcr_emulator.reset()

    assert fetch().status_code == 404
    gcr_emulator.key("roles/editor")
    gcr_emulator.metadata.set(account=ACCOUNT)
    assert fetch().json()["access_token"] != token


def test_d_z20_the_machine_of_a_deleted_project_has_no_credentials(
    gcr_emulator: Emulator, fetch: Fetch
) -> None:
    token = fetch().json()["access_token"]
    project = f"{gcr_emulator.url}/v1/projects/my-project"
    requests.delete(project, timeout=30).raise_for_status()

    text = f"The service account <code>{ACCOUNT}</code> was not found."
    for answer in (fetch(), fetch("identity", audience="me")):
        assert (answer.status_code, text in answer.text) == (404, True)
    assert ask_registry(gcr_emulator, token, "pull") == 401

    requests.post(f"{project}:undelete", json={}, timeout=30).raise_for_status()
    assert fetch().json()["access_token"] == token
    assert ask_registry(gcr_emulator, token, "pull") == 200


@pytest.mark.parametrize(
    ("has", "asked", "granted"),
    [
        ([PLATFORM], None, {PLATFORM}),
        ([PLATFORM], "", {PLATFORM}),
        ([PLATFORM], f"{READ_ONLY},{READ_WRITE}", {READ_ONLY, READ_WRITE}),
        ([READ_ONLY, READ_WRITE], READ_ONLY, {READ_ONLY}),
        ([READ_ONLY], f"{READ_ONLY},{READ_WRITE}", {READ_ONLY}),
        ([READ_ONLY], READ_WRITE, {READ_ONLY}),
        ([READ_ONLY], PLATFORM, {READ_ONLY}),
        ([], PLATFORM, set()),
    ],
)
def test_a_token_has_no_more_scopes_than_the_machine(
    has: list[str], asked: str | None, granted: set[str]
) -> None:
    assert narrow_scopes(Instance(ACCOUNT, "my-project", tuple(has)), asked) == granted


@pytest.mark.parametrize(
    ("scopes", "pull", "push"),
    [(["cloud-platform"], 200, 200), (["devstorage.read_only"], 200, 403), (["monitoring.write"], 403, 403)],
)
def test_access_scopes_limit_an_editor(
    gcr_emulator: Emulator, fetch: Fetch, scopes: list[str], pull: int, push: int
) -> None:
    gcr_emulator.metadata.set(account=ACCOUNT, scopes=scopes)
    token = fetch(scopes=READ_WRITE).json()["access_token"]

    assert ask_registry(gcr_emulator, token, "pull") == pull
    assert ask_registry(gcr_emulator, token, "pull,push") == push


@pytest.mark.parametrize("name", ["token", "identity?audience=a"])
@pytest.mark.parametrize("verb", ["disable", "delete"])
def test_an_account_that_is_gone_has_no_credentials(
    gcr_emulator: Emulator, fetch: Fetch, name: str, verb: str
) -> None:
    resource = f"{gcr_emulator.url}/v1/projects/my-project/serviceAccounts/{ACCOUNT}"
    if verb == "disable":
        requests.post(f"{resource}:disable", timeout=30).raise_for_status()
    else:
        requests.delete(resource, timeout=30).raise_for_status()

    answer = fetch(name)

    assert (answer.status_code, answer.headers["Metadata-Flavor"]) == (404, "Google")
    assert f"The service account <code>{ACCOUNT}</code> was not found." in answer.text


def test_a_token_ends_with_its_account(gcr_emulator: Emulator, fetch: Fetch) -> None:
    token = fetch().json()["access_token"]
    resource = f"{gcr_emulator.url}/v1/projects/my-project/serviceAccounts/{ACCOUNT}"

    requests.post(f"{resource}:disable", timeout=30).raise_for_status()

    assert ask_registry(gcr_emulator, token, "pull") == 401
    requests.post(f"{resource}:enable", timeout=30).raise_for_status()
    assert ask_registry(gcr_emulator, token, "pull") == 200


def test_google_auth_verifies_an_id_token(gcr_emulator: Emulator, fetch: Fetch) -> None:
    token = fetch("identity", audience="https://app.example.com", format="full").text
    certificates = f"{gcr_emulator.url}/oauth2/v1/certs"

    claims = id_token.verify_token(token, Request(), "https://app.example.com", certificates)

    assert (claims["email"], claims["iss"]) == (ACCOUNT, "https://accounts.google.com")


def test_a_machine_without_scopes_has_no_token(gcr_emulator: Emulator, fetch: Fetch) -> None:
    gcr_emulator.metadata.set(account=ACCOUNT, scopes=[])

    answer = fetch()

    assert (answer.status_code, "no access scopes" in answer.text) == (404, True)


@pytest.mark.parametrize("form", ["standard", "full"])
def test_an_id_token_says_who_and_where(gcr_emulator: Emulator, fetch: Fetch, form: str) -> None:
    gcr_emulator.clock.set(NOW)
    project = requests.get(f"{gcr_emulator.url}/v1/projects/my-project", timeout=30).json()
    account = requests.get(
        f"{gcr_emulator.url}/v1/projects/my-project/serviceAccounts/{ACCOUNT}", timeout=30
    ).json()

    answer = fetch("identity", audience="https://app.example.com", format=form, licenses="FALSE")

    claims = jwt.decode(answer.text, options={"verify_signature": False})
    made_at = claims.get("google", {}).get("compute_engine", {}).get("instance_creation_timestamp", 0)
    full = {
        "email": ACCOUNT,
        "email_verified": True,
        "google": {
            "compute_engine": {
                "instance_creation_timestamp": made_at,
                "instance_id": str(find_instance_id(Instance(ACCOUNT, "my-project"))),
                "instance_name": "gcr-emulator",
                "project_id": "my-project",
                "project_number": int(project["projectNumber"]),
                "zone": "us-central1-a",
            }
        },
    }
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    assert jwt.get_unverified_header(answer.text)["alg"] == "RS256"
    assert (made_at > 0) == (form == "full")
    assert claims == {
        "aud": "https://app.example.com",
        "azp": account["uniqueId"],
        "sub": account["uniqueId"],
        "iss": "https://accounts.google.com",
        "iat": NOW,
        "exp": NOW + 3600,
        **(full if form == "full" else {}),
    }
