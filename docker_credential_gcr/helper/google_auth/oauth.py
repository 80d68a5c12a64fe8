"""OAuth token endpoint: exchanges an assertion, a refresh token or a code for an access token."""

import time
from collections.abc import Callable

from docker_credential_gcr.errors import CLOCK, LOGIN, NEW_KEY, TokenRefused
from docker_credential_gcr.helper.redaction import redact
from docker_credential_gcr.helper.tokens import MAX_LIFETIME_S, AccessToken, is_token

from . import http
from .endpoint import Endpoint
from .service_account import ServiceAccountKey

JWT_BEARER = (
    "urn:ietf:params:oauth:grant-type:jwt-bearer"  # https://www.rfc-editor.org/rfc/rfc7523#section-2.1
)
REFUSED_HINT = "check that the key and its service account still exist, and that the clock is right"
LOGIN_HINT = "the login has ended or was revoked: log in again with the program that created it"
CODE_HINT = "log in again; a code is valid for one use and a few minutes"
KEY_REFUSED = "key refused"
# Words in the error of an endpoint, with the name in `doctor` and the command; None: the caller knows them.
REFUSALS: tuple[tuple[tuple[str, ...], tuple[str, str] | None], ...] = (
    (("reasonable timeframe", "iat and exp"), ("clock", CLOCK)),
    (("invalid_rapt",), ("login ended", LOGIN)),
    (("invalid_grant", "invalid_client", "iam.serviceAccounts.getAccessToken"), None),
)
ENDPOINT_HINT = "check the key's token_uri, and the proxies between it and this machine"


def exchange_assertion(
    key: ServiceAccountKey,
    *,
    scopes: tuple[str, ...],
    deadline: float,
    now: Callable[[], float] = time.time,
) -> AccessToken:
    """Exchanges an assertion, which the key signs, for an access token.

    `deadline` is an instant of time.monotonic. Raises KeyFileError when the key cannot sign, TokenRefused
    when the endpoint answers without a token, NetworkError when it does not answer in time.
    """
    asked_at = int(now())
    form = {"grant_type": JWT_BEARER, "assertion": key.sign(scopes, now=asked_at)}
    answer = http.send("POST", key.endpoint, form=form, headers={}, deadline=deadline)
    host = key.endpoint.host
    document = parse_answer(host, answer, REFUSED_HINT, check=KEY_REFUSED, command=NEW_KEY)
    return parse_token(host, document, asked_at)


def exchange_refresh_token(
    endpoint: Endpoint,
    refresh_token: str,
    *,
    client: tuple[str, str],
    scopes: tuple[str, ...],
    deadline: float,
    now: Callable[[], float] = time.time,
    check: str = KEY_REFUSED,
    command: str = NEW_KEY,
) -> AccessToken:
    """Exchanges a refresh token for an access token; `client` is its client's identifier and secret.

    Without scopes the token has those of the login. `command` mends a login that is refused, and `check` is
    its name in `doctor`. Raises TokenRefused and NetworkError.
    https://www.rfc-editor.org/rfc/rfc6749#section-6
    """
    asked_at = int(now())
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": client[0],
        "client_secret": client[1],
    }
    if scopes:
        form["scope"] = " ".join(scopes)
    answer = http.send("POST", endpoint, form=form, headers={}, deadline=deadline)
    document = parse_answer(endpoint.host, answer, LOGIN_HINT, check=check, command=command)
    return parse_token(endpoint.host, document, asked_at)


def exchange_code(
    endpoint: Endpoint,
    code: str,
    *,
    verifier: str,
    redirect_uri: str,
    client: tuple[str, str],
    deadline: float,
    now: Callable[[], float] = time.time,
) -> tuple[AccessToken, str]:
    """Exchanges an authorization code for an access token and a refresh token.

    Raises TokenRefused, also for an answer without a refresh token, and NetworkError.
    https://www.rfc-editor.org/rfc/rfc7636#section-4.5
    """
    asked_at = int(now())
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": redirect_uri,
        "client_id": client[0],
        "client_secret": client[1],
    }
    answer = http.send("POST", endpoint, form=form, headers={}, deadline=deadline, pauses_s=())
    document = parse_answer(endpoint.host, answer, CODE_HINT)
    refresh_token = document.get("refresh_token")
    if not isinstance(refresh_token, str) or not is_token(refresh_token):
        raise TokenRefused(f"{endpoint.host} answered without a refresh token", hint=CODE_HINT)
    return parse_token(endpoint.host, document, asked_at), refresh_token


def revoke(endpoint: Endpoint, token: str, *, deadline: float) -> None:
    """Revokes a token, and so ends its login. Raises TokenRefused and NetworkError.

    https://www.rfc-editor.org/rfc/rfc7009#section-2
    """
    answer = http.send("POST", endpoint, form={"token": token}, headers={}, deadline=deadline)
    if answer.status != 200:
        parse_answer(endpoint.host, answer, "end it at https://myaccount.google.com/permissions")


def parse_answer(
    host: str, answer: http.Answer, refused_hint: str, *, check: str = "", command: str = ""
) -> dict[str, object]:
    """Returns the JSON object that an endpoint answered with 200. Raises TokenRefused for anything else.

    `command` mends a credential that the endpoint refuses, and `check` is the name of that in `doctor`.
    """
    if 300 <= answer.status < 400:
        raise TokenRefused(f"{host} redirects ({answer.status}) instead of answering", hint=ENDPOINT_HINT)
    if len(answer.body) > http.MAX_SIZE:
        raise TokenRefused(f"{host} answered more than 64 KiB", hint=ENDPOINT_HINT)
    try:
        document = answer.parse()
    except ValueError:
        document = None
    if answer.status != 200:
        told = _format_error(document)
        found = (row for words, row in REFUSALS if any(word in told for word in words))
        name, mending = next(found, ("", "")) or (check, command)
        text = f"{host} answered {answer.status}{told}"
        raise TokenRefused(text, hint=refused_hint, check=name, command=mending)
    if not isinstance(document, dict):
        raise TokenRefused(
            f"{host} answered no JSON object but {answer.media_type or 'bytes'}", hint=ENDPOINT_HINT
        )
    return document


def check_token(host: str, value: object) -> str:
    """Returns the access token of an answer. Raises TokenRefused when it is absent or cannot be sent."""
    if not isinstance(value, str) or not value:
        raise TokenRefused(f"{host} answered without an access token", hint=ENDPOINT_HINT)
    if not is_token(value):
        raise TokenRefused(f"{host} answered an access token that cannot be sent", hint=ENDPOINT_HINT)
    return value


def parse_token(host: str, document: dict[str, object], asked_at: int) -> AccessToken:
    """Returns the access token in an answer. https://www.rfc-editor.org/rfc/rfc6749#section-5"""
    value, lifetime_s = check_token(host, document.get("access_token")), document.get("expires_in")
    if type(lifetime_s) is not int or not 0 < lifetime_s <= MAX_LIFETIME_S:
        raise TokenRefused(
            f"{host} answered an access token with expires_in {lifetime_s!r:.40}", hint=ENDPOINT_HINT
        )
    return AccessToken(value, expires_at=asked_at + lifetime_s, obtained_at=asked_at)


def _format_error(document: object) -> str:
    """Returns the error code and description of RFC 6749 §5.2, or from Google's own status object."""
    if not isinstance(document, dict):
        return ""
    error = document.get("error")
    if isinstance(error, dict):
        parts: tuple[object, ...] = (error.get("status"), error.get("message"))
    else:
        # The subtype distinguishes a login that must be renewed (invalid_rapt) from one that has ended.
        parts = (error, document.get("error_subtype"), document.get("error_description"))
    # redact: an endpoint may quote the credential that it received.
    return "".join(f": {redact(part):.200}" for part in parts if isinstance(part, str) and part)
