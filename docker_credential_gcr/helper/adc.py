"""The types of Application Default Credentials, each with the way from its file to an access token."""

import time
from collections.abc import Callable

from docker_credential_gcr.errors import KeyFileError, TokenError
from docker_credential_gcr.helper import config, endpoint, oauth, registries, service_account
from docker_credential_gcr.helper.access_token import AccessToken
from docker_credential_gcr.helper.service_account import NEW_KEY, get_strings
from docker_credential_gcr.helper.token_sources import TokenRequest

Document = dict[str, object]
USER_FIELDS = ("client_id", "client_secret", "refresh_token")


def fetch_token(path: str, document: Document, request: TokenRequest, deadline: float) -> AccessToken:
    """A token for the credential in the JSON object of a file. Raises TokenError."""
    kind = document.get("type")
    fetch = FETCHERS.get(kind) if isinstance(kind, str) else None
    if fetch is None:
        raise KeyFileError(f"key file {path!r} has the unknown type {kind!r:.60}", hint=NEW_KEY)
    if request.account and kind != "service_account":
        raise KeyFileError(f"key file {path!r} does not say whether it is {request.account}'s")
    return fetch(path, document, request, deadline)


def _fetch_service_account(
    path: str, document: Document, request: TokenRequest, deadline: float
) -> AccessToken:
    key = service_account.parse_key(path, document)
    service_account.check_use(key, request)
    if request.account and request.account != key.client_email:
        raise KeyFileError(f"key file {path!r} is {key.client_email}'s, not {request.account}'s")
    if request.is_self_signed and key.endpoint.is_google and request.world == registries.GOOGLE:
        return key.sign_token(request.scopes, now=time.time())
    return oauth.exchange_assertion(key, scopes=request.scopes, deadline=deadline)


def _fetch_authorized_user(
    path: str, document: Document, request: TokenRequest, deadline: float
) -> AccessToken:
    fields = get_strings(path, document, USER_FIELDS)
    token_uri = document.get("token_uri") or endpoint.GOOGLE_TOKEN_URL
    token_endpoint = service_account.parse_endpoint(path, "token_uri", str(token_uri))
    endpoint.check_use(f"key file {path!r}", "login", token_endpoint, request)
    return oauth.exchange_refresh_token(
        token_endpoint,
        fields["refresh_token"],
        client=(fields["client_id"], fields["client_secret"]),
        scopes=() if request.scopes == config.DEFAULT_SCOPES else request.scopes,
        deadline=deadline,
    )


def _fetch_impersonated(path: str, document: Document, request: TokenRequest, deadline: float) -> AccessToken:
    from docker_credential_gcr.helper import impersonation

    name = "service_account_impersonation_url"
    url = get_strings(path, document, (name,))[name]
    source, delegates = document.get("source_credentials"), document.get("delegates") or []
    if not isinstance(source, dict) or source.get("type") == document["type"]:
        raise KeyFileError(f"key file {path!r} has no 'source_credentials'", hint=NEW_KEY)
    if not isinstance(delegates, list) or not all(isinstance(delegate, str) for delegate in delegates):
        raise KeyFileError(f"key file {path!r}: 'delegates' is not a list of accounts", hint=NEW_KEY)
    target = service_account.parse_endpoint(path, name, url)
    endpoint.check_use(f"key file {path!r}", "credential", target, request)
    base = fetch_token(path, source, impersonation.make_base_request(target, request), deadline)
    return impersonation.exchange_token(
        target, base, delegates=tuple(delegates), scopes=request.scopes, deadline=deadline
    )


def _fetch_with_google_auth(
    path: str, document: Document, request: TokenRequest, deadline: float
) -> AccessToken:
    from docker_credential_gcr.helper import google_credentials

    for name in google_credentials.ENDPOINTS:
        url = document.get(name)
        if url is not None:
            target = service_account.parse_endpoint(path, name, str(url))
            endpoint.check_use(f"key file {path!r}", "credential", target, request)
    try:
        return google_credentials.fetch_token(document, request, deadline)
    except TokenError as error:
        raise type(error)(f"key file {path!r}: {error}", hint=error.hint) from error


# https://google.aip.dev/auth/4110
FETCHERS: dict[str, Callable[[str, Document, TokenRequest, float], AccessToken]] = {
    "service_account": _fetch_service_account,
    "authorized_user": _fetch_authorized_user,
    "impersonated_service_account": _fetch_impersonated,
    "external_account": _fetch_with_google_auth,
    "external_account_authorized_user": _fetch_with_google_auth,
    "gdch_service_account": _fetch_with_google_auth,
}
