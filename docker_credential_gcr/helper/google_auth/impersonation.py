"""Impersonation: exchanges an access token for one of a service account that its owner may impersonate.

POST …/serviceAccounts/EMAIL:generateAccessToken {"delegates", "scope", "lifetime": "3600s"}
answers {"accessToken": "ya29.…", "expireTime": "2024-05-01T12:00:00Z"}
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
"""

import time
from urllib.parse import quote

from docker_credential_gcr.errors import TokenRefused
from docker_credential_gcr.helper import config
from docker_credential_gcr.helper.tokens import MAX_LIFETIME_S, AccessToken, TokenRequest

from . import http, oauth, timestamps
from .endpoint import Endpoint

LIFETIME_S = 3600
PREFIX = "projects/-/serviceAccounts/"
CHECK = "impersonation"
GRANT = (
    "gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=user:YOU "
    "--role=roles/iam.serviceAccountTokenCreator"
)
HINT = "grant the caller roles/iam.serviceAccountTokenCreator on the service account"


def format_url(api_url: str, account: str) -> str:
    """Returns the URL that generates the tokens of an account."""
    return f"{api_url.rstrip('/')}/v1/{PREFIX}{quote(account, safe='@')}:generateAccessToken"


def make_base_request(target: Endpoint, request: TokenRequest) -> TokenRequest:
    """Returns the request for the token that is sent to the API, which is not the registry."""
    return request.for_host(target.host, target.trust_domain, config.DEFAULT_SCOPES)


def exchange_token(
    target: Endpoint,
    base: AccessToken,
    *,
    delegates: tuple[str, ...],
    scopes: tuple[str, ...],
    deadline: float,
    lifetime_s: int = LIFETIME_S,
) -> AccessToken:
    """Returns the service account's token. Raises TokenRefused and NetworkError."""
    document = {
        "delegates": [name if "/" in name else PREFIX + name for name in delegates],
        "scope": list(scopes),
        "lifetime": f"{lifetime_s}s",
    }
    asked_at = int(time.time())
    headers = {"Authorization": f"Bearer {base.value}"}
    answer = http.send("POST", target, document=document, headers=headers, deadline=deadline)
    members = oauth.parse_answer(target.host, answer, HINT, check=CHECK, command=GRANT)
    value = oauth.check_token(target.host, members.get("accessToken"))
    try:
        expires_at = timestamps.parse_instant(str(members.get("expireTime")))
    except ValueError as error:
        raise TokenRefused(f"{target.host} answered an access token without its expiry") from error
    expires_at = min(expires_at, asked_at + MAX_LIFETIME_S)
    token = AccessToken(value, expires_at=expires_at, obtained_at=asked_at, depends_on=base.depends_on)
    if not token.is_fresh(asked_at):
        raise TokenRefused(f"{target.host} answered an expired access token")
    return token
