"""Trades an access token for one of a service account that its holder may impersonate.

POST …/serviceAccounts/EMAIL:generateAccessToken {"delegates", "scope", "lifetime": "3600s"}
answers {"accessToken": "ya29.…", "expireTime": "2024-05-01T12:00:00Z"}
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
"""

import time
from urllib.parse import quote

from docker_credential_gcr.errors import TokenRefused
from docker_credential_gcr.helper import config
from docker_credential_gcr.helper.token_sources import TokenRequest
from docker_credential_gcr.helper.token_sources.impersonated import API_VARIABLE, Impersonated
from docker_credential_gcr.helper.tokens.access_token import MAX_LIFETIME_S, AccessToken

from . import http, oauth
from . import timestamps as times
from .endpoint import Endpoint, check_use, get_endpoint

LIFETIME_S = 3600
PREFIX = "projects/-/serviceAccounts/"
CHECK = "impersonation"
GRANT = (
    "gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=user:YOU "
    "--role=roles/iam.serviceAccountTokenCreator"
)
HINT = "grant the caller roles/iam.serviceAccountTokenCreator on the service account"


def find_target(source: Impersonated, request: TokenRequest) -> Endpoint:
    """Returns where the configured account's tokens are made. Raises TokenError where it may not be asked."""
    url = f"{source.api_url.rstrip('/')}/v1/{PREFIX}{quote(source.account, safe='@')}:generateAccessToken"
    target = get_endpoint(url, API_VARIABLE)
    check_use(f"impersonation of {source.account}", "credential", target, request)
    return target


def fetch_token(source: Impersonated, request: TokenRequest, deadline: float) -> AccessToken:
    """A token of the configured service account, bought with the source's own. Raises TokenError."""
    target = find_target(source, request)
    base = source.base.fetch(make_base_request(target, request), deadline)
    return exchange_token(
        target,
        base,
        delegates=source.delegates,
        scopes=request.scopes,
        lifetime_s=source.lifetime_s,
        deadline=deadline,
    )


def make_base_request(target: Endpoint, request: TokenRequest) -> TokenRequest:
    """The request for the token that is sent to the API, which is not the registry."""
    return request.for_host(target.host, target.world, config.DEFAULT_SCOPES)


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
        expires_at = times.parse_instant(str(members.get("expireTime")))
    except ValueError as error:
        raise TokenRefused(f"{target.host} answered an access token without its expiry") from error
    expires_at = min(expires_at, asked_at + MAX_LIFETIME_S)
    token = AccessToken(value, expires_at=expires_at, obtained_at=asked_at, depends_on=base.depends_on)
    if not token.is_fresh(asked_at):
        raise TokenRefused(f"{target.host} answered an expired access token")
    return token
