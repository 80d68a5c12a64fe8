"""google-auth, unchanged, against the emulator: ID tokens and users' credentials (check 54).

https://googleapis.dev/python/google-auth/latest/
"""

from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import credentials, id_token, service_account

from docker_credential_gcr.pytest_plugin import GcrEmulator

AUDIENCE = "https://run.example/service"
EMAIL = "ci@my-project.iam.gserviceaccount.com"


@pytest.fixture
def transport() -> Any:
    session = requests.Session()
    session.trust_env = False  # no proxy: localhost would be the proxy's own machine
    return Request(session)


@pytest.fixture
def ada(gcr_emulator: GcrEmulator) -> credentials.Credentials:
    """Returns Ada's credentials, as gcloud would write them."""
    gcr_emulator.grant("roles/viewer", "user:ada@example.com")
    answer = requests.post(
        f"{gcr_emulator.url}/_emulator/refreshTokens", json={"email": "ada@example.com"}, timeout=30
    )
    file = answer.json()
    return credentials.Credentials(  # type: ignore[no-untyped-call]
        None,
        refresh_token=file["refresh_token"],
        client_id=file["client_id"],
        client_secret=file["client_secret"],
        token_uri=f"{gcr_emulator.url}/token",
    )


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_check_54_an_id_token_of_a_key_is_verified_with_the_published_keys(
    gcr_emulator: GcrEmulator, transport: Any, version: str
) -> None:
    key = service_account.IDTokenCredentials.from_service_account_file(
        str(gcr_emulator.key()), target_audience=AUDIENCE
    )
    key.refresh(transport)

    certificates = f"{gcr_emulator.url}/oauth2/{version}/certs"
    claims = id_token.verify_token(key.token, transport, AUDIENCE, certificates)  # type: ignore[no-untyped-call]

    assert {name: claims[name] for name in ("iss", "aud", "azp", "email", "email_verified")} == {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "azp": EMAIL,
        "email": EMAIL,
        "email_verified": True,
    }


def test_check_54_openid_brings_an_access_token_with_the_id_token(
    gcr_emulator: GcrEmulator, transport: Any
) -> None:
    scopes = ["openid", "https://www.googleapis.com/auth/userinfo.email"]
    key = service_account.Credentials.from_service_account_file(str(gcr_emulator.key()), scopes=scopes)
    key.refresh(transport)

    answer = AuthorizedSession(key).get(f"{gcr_emulator.url}/v1/userinfo")  # type: ignore[no-untyped-call]

    assert {name: answer.json()[name] for name in ("email", "email_verified")} == {
        "email": EMAIL,
        "email_verified": True,
    }


def test_a_persons_credentials_open_what_their_roles_do_until_they_are_revoked(
    gcr_emulator: GcrEmulator, transport: Any, ada: credentials.Credentials
) -> None:
    session = AuthorizedSession(ada, auth_request=transport)  # type: ignore[no-untyped-call]
    session.trust_env = False
    project = f"{gcr_emulator.url}/v1/projects/my-project"
    certificates = f"{gcr_emulator.url}/oauth2/v1/certs"

    seen = session.get(project).status_code
    claims = id_token.verify_token(ada.id_token, transport, ada.client_id, certificates)  # type: ignore[no-untyped-call]
    requests.post(f"{gcr_emulator.url}/revoke", data={"token": ada.refresh_token}, timeout=30)

    assert (seen, claims["email"]) == (200, "ada@example.com")
    with pytest.raises(RefreshError, match="Token has been expired or revoked"):
        ada.refresh(transport)
