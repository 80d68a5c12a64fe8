"""Go requests, as Google's libraries, helper, gcloud and kubelet plugin send them, replayed in order.

None of the programs can be installed here; their requests are those of golang.org/x/oauth2, of
cloud.google.com/go/compute/metadata, of docker-credential-gcr 2.1.22 and of cloud-provider-gcp.
"""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests
from support.accounts import sign_assertion

Emulator = Any

ROOT = "/computeMetadata/v1"
DEFAULT = f"{ROOT}/instance/service-accounts/default"
ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"
GO = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
GO_METADATA = {"Metadata-Flavor": "Google", "User-Agent": "gcloud-golang/0.1", "Accept-Encoding": "gzip"}
GCLOUD = {"Metadata-Flavor": "Google", "User-Agent": "Python-urllib/3.11"}
KUBELET = {"Metadata-Flavor": "Google", "Host": "metadata.google.internal."}
# Placeholders for the project's number and for a token.
NUMBER, TOKEN = "NUMBER", "TOKEN"

# program -> (headers, [(path, expected response)])
SEQUENCES: dict[str, tuple[dict[str, str], list[tuple[str, str]]]] = {
    # Without GCE_METADATA_HOST it probes for a server first, without Metadata-Flavor.
    "metadata.OnGCE": (
        {"Host": "169.254.169.254", "User-Agent": "gcloud-golang/0.1"},
        [("/", "computeMetadata/\n")],
    ),
    "google.FindDefaultCredentials": (
        GO_METADATA,
        [
            (f"{ROOT}/project/project-id", "my-project"),
            (f"{ROOT}/universe/universe-domain", "googleapis.com"),
            (f"{DEFAULT}/token?scopes={quote(READ_WRITE, safe='')}", TOKEN),
        ],
    ),
    "docker-credential-gcr get": (
        GO_METADATA,
        [
            (f"{ROOT}/universe/universe-domain", "googleapis.com"),
            (f"{DEFAULT}/token?scopes={quote(READ_WRITE, safe='')}", TOKEN),
        ],
    ),
    "metadata.Email": (GO_METADATA, [(f"{DEFAULT}/email", ACCOUNT), (f"{DEFAULT}/scopes", f"{PLATFORM}\n")]),
    "gcloud auth print-access-token": (
        GCLOUD,
        [
            (f"{ROOT}/project/numeric-project-id", NUMBER),
            (f"{ROOT}/instance/service-accounts/", f"{ACCOUNT}/\ndefault/\n"),
            (f"{ROOT}/universe/universe-domain", "googleapis.com"),
            (f"{DEFAULT}/email", ACCOUNT),
            (
                f"{ROOT}/instance/service-accounts/{ACCOUNT}/?recursive=true",
                f'{{"aliases":["default"],"email":"{ACCOUNT}","scopes":["{PLATFORM}"]}}',
            ),
            (f"{ROOT}/instance/service-accounts/{ACCOUNT}/token", TOKEN),
            (f"{ROOT}/instance/zone", f"projects/{NUMBER}/zones/us-central1-a"),
        ],
    ),
    "kubelet": (
        KUBELET,
        [
            (f"{DEFAULT}/scopes?alt=json", f'["{PLATFORM}"]'),
            (f"{DEFAULT}/email", ACCOUNT),
            (f"{DEFAULT}/token", TOKEN),
        ],
    ),
}


def ask_registry(gcr_emulator: Emulator, token: str, actions: str, user: str) -> int:
    """Requests the registry as docker does with a helper's credential."""
    scope = f"repository:my-project/app:{actions}"
    answer = requests.get(
        f"{gcr_emulator.url}/v2/token",
        params={"scope": scope, "service": gcr_emulator.registry},
        auth=(user, token),
        headers=GO,
        timeout=30,
    )
    return answer.status_code


@pytest.mark.parametrize("program", SEQUENCES)
def test_the_metadata_server_satisfies(gcr_emulator: Emulator, program: str) -> None:
    gcr_emulator.key("roles/editor")
    gcr_emulator.metadata.set(account=ACCOUNT)
    project = requests.get(f"{gcr_emulator.url}/v1/projects/my-project", timeout=30).json()
    headers, sequence = SEQUENCES[program]

    answers = [requests.get(gcr_emulator.url + path, headers=headers, timeout=30) for path, _ in sequence]

    assert [(answer.status_code, answer.headers["Metadata-Flavor"]) for answer in answers] == [
        (200, "Google")
    ] * len(sequence)
    for answer, (_, told) in zip(answers, sequence, strict=True):
        if told == TOKEN:
            token = answer.json()
            assert token == {
                "access_token": token["access_token"],
                "expires_in": 3599,
                "token_type": "Bearer",
            }
            assert (
                ask_registry(gcr_emulator, token["access_token"], "pull,push", "_dcgcr_2_1_22_token") == 200
            )
        else:
            assert answer.text == told.replace(NUMBER, project["projectNumber"])


def test_check_56_a_machine_that_may_read_pulls_with_the_go_helper_and_does_not_push(
    gcr_emulator: Emulator,
) -> None:
    gcr_emulator.key("roles/editor")
    gcr_emulator.metadata.set(account=ACCOUNT, scopes=["devstorage.read_only"])
    url = f"{gcr_emulator.url}{DEFAULT}/token?scopes={quote(READ_WRITE, safe='')}"

    token = requests.get(url, headers=GO_METADATA, timeout=30).json()["access_token"]

    asked = [
        ask_registry(gcr_emulator, token, actions, "_dcgcr_2_1_22_token") for actions in ("pull", "pull,push")
    ]
    assert asked == [200, 403]


def sign(key: dict[str, Any], **claims: object) -> str:
    return sign_assertion(key, int(time.time()), **claims)


@pytest.fixture
def key(gcr_emulator: Emulator) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(gcr_emulator.key("roles/editor").read_text())
    return document


def trade_at_token_uri(key: dict[str, Any]) -> str:
    """Exchanges an assertion as golang.org/x/oauth2/jwt does: the audience is the token_uri."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": sign(key, scope=READ_WRITE, aud=key["token_uri"]),
    }
    answer = requests.post(key["token_uri"], data=form, headers=GO, timeout=30)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert document == {"access_token": document["access_token"], "expires_in": 3599, "token_type": "Bearer"}
    token: str = document["access_token"]
    return token


def sign_itself(key: dict[str, Any]) -> str:
    """Signs a JWT as DetectDefault{UseSelfSignedJWT: true} does, without a request."""
    return sign(key, sub=key["client_email"], scope=READ_WRITE, aud="")


@pytest.mark.parametrize("get", [trade_at_token_uri, sign_itself])
@pytest.mark.parametrize("user", ["_dcgcr_2_1_22_token", "_token", "oauth2accesstoken"])
def test_check_54_a_key_opens_the_registry_as_go_uses_it(
    gcr_emulator: Emulator, key: dict[str, Any], get: Callable[[dict[str, Any]], str], user: str
) -> None:
    assert ask_registry(gcr_emulator, get(key), "pull,push", user) == 200


def test_check_54_a_wrong_signature_is_an_invalid_grant(key: dict[str, Any], other_private_key: str) -> None:
    forged = sign({**key, "private_key": other_private_key}, scope=READ_WRITE, aud=key["token_uri"])
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": forged}

    answer = requests.post(key["token_uri"], data=form, headers=GO, timeout=30)

    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid JWT Signature."},
    )


def test_the_go_helpers_login_is_renewed(gcr_emulator: Emulator) -> None:
    gcr_emulator.grant("roles/editor", "user:ada@example.com")
    login = requests.post(
        f"{gcr_emulator.url}/_emulator/refreshTokens",
        json={"email": "ada@example.com", "scopes": [READ_WRITE]},
        timeout=30,
    ).json()
    # google.Endpoint sends client_id and client_secret in the form, and no scope.
    form = {"grant_type": "refresh_token", **{name: login[name] for name in login if name != "type"}}

    answer = requests.post(f"{gcr_emulator.url}/token", data=form, headers=GO, timeout=30)

    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    assert ask_registry(gcr_emulator, token, "pull,push", "_dcgcr_2_1_22_token") == 200
