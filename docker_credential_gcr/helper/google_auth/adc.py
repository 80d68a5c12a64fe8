"""Application Default Credentials (ADC): the types of credential files, and how each gets an access token."""

import time
from collections.abc import Callable

from docker_credential_gcr.errors import KeyFileError, TokenError
from docker_credential_gcr.helper import config, registries
from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest

from . import endpoint, service_account
from .service_account import NEW_KEY, get_strings

Document = dict[str, object]
Fetch = Callable[[float], AccessToken]  # of the deadline
USER_FIELDS = ("client_id", "client_secret", "refresh_token")


def fetch_token(path: str, document: Document, request: TokenRequest, deadline: float) -> AccessToken:
    """Fetches a token with the credential in the JSON object of a file. Raises TokenError."""
    return prepare(path, document, request)(deadline)


def prepare(path: str, document: Document, request: TokenRequest) -> Fetch:
    """Returns the function that fetches a token, after the checks that need no network. Raises TokenError."""
    kind = document.get("type")
    found = PREPARERS.get(kind) if isinstance(kind, str) else None
    if found is None:
        raise service_account.make_type_error(path, document)
    if request.account and kind != "service_account":
        raise KeyFileError(f"key file {path!r} does not say whether it is {request.account}'s")
    return found(path, document, request)


def _prepare_service_account(path: str, document: Document, request: TokenRequest) -> Fetch:
    key = service_account.parse_key(path, document)
    service_account.check_use(key, request)
    if request.account and request.account != key.client_email:
        raise KeyFileError(f"key file {path!r} is {key.client_email}'s, not {request.account}'s")
    if request.is_self_signed and key.endpoint.is_google and request.trust_domain == registries.GOOGLE:
        return lambda _: key.sign_token(request.scopes, now=time.time())

    def fetch(deadline: float) -> AccessToken:
        from . import oauth  # 8 ms, most of it TLS, which `status` does not need

        return oauth.exchange_assertion(key, scopes=request.scopes, deadline=deadline)

    return fetch


def _prepare_authorized_user(path: str, document: Document, request: TokenRequest) -> Fetch:
    fields = get_strings(path, document, USER_FIELDS)
    token_uri = document.get("token_uri") or config.GOOGLE_TOKEN_URL
    token_endpoint = service_account.parse_endpoint(path, "token_uri", str(token_uri))
    endpoint.check_use(f"key file {path!r}", "login", token_endpoint, request)

    def fetch(deadline: float) -> AccessToken:
        from . import oauth  # 8 ms, as above

        return oauth.exchange_refresh_token(
            token_endpoint,
            fields["refresh_token"],
            client=(fields["client_id"], fields["client_secret"]),
            scopes=() if request.scopes == config.DEFAULT_SCOPES else request.scopes,
            deadline=deadline,
        )

    return fetch


def _prepare_impersonated(path: str, document: Document, request: TokenRequest) -> Fetch:
    from . import impersonation  # 9 ms, needed only for this type

    name = "service_account_impersonation_url"
    url = get_strings(path, document, (name,))[name]
    source, delegates = document.get("source_credentials"), document.get("delegates") or []
    if not isinstance(source, dict) or source.get("type") == document["type"]:
        raise KeyFileError(f"key file {path!r} has no 'source_credentials'", hint=NEW_KEY)
    if not isinstance(delegates, list) or not all(isinstance(delegate, str) for delegate in delegates):
        raise KeyFileError(f"key file {path!r}: 'delegates' is not a list of accounts", hint=NEW_KEY)
    target = service_account.parse_endpoint(path, name, url)
    endpoint.check_use(f"key file {path!r}", "credential", target, request)
    fetch_base = prepare(path, source, impersonation.make_base_request(target, request))
    return lambda deadline: impersonation.exchange_token(
        target, fetch_base(deadline), delegates=tuple(delegates), scopes=request.scopes, deadline=deadline
    )


def _prepare_with_google_auth(path: str, document: Document, request: TokenRequest) -> Fetch:
    from . import external_account  # 19 ms, needed only for these types

    for name in external_account.ENDPOINTS:
        url = document.get(name)
        if url is not None:
            target = service_account.parse_endpoint(path, name, str(url))
            endpoint.check_use(f"key file {path!r}", "credential", target, request)

    def fetch(deadline: float) -> AccessToken:
        try:
            token = external_account.fetch_token(document, request, deadline)
        except TokenError as error:
            text, hint = f"key file {path!r}: {error}", error.hint
            raise type(error)(text, hint=hint, check=error.check, command=error.command) from error
        token.depends_on = external_account.list_dependencies(document)
        return token

    return fetch


# https://google.aip.dev/auth/4110
PREPARERS: dict[str, Callable[[str, Document, TokenRequest], Fetch]] = {
    "service_account": _prepare_service_account,
    "authorized_user": _prepare_authorized_user,
    "impersonated_service_account": _prepare_impersonated,
    "external_account": _prepare_with_google_auth,
    "external_account_authorized_user": _prepare_with_google_auth,
    "gdch_service_account": _prepare_with_google_auth,
}
