"""JWT assertions, signed with a service account's key: grants at /token, and self-signed access tokens.

    header  {"alg": "RS256", "kid": PRIVATE_KEY_ID, "typ": "JWT"}    many clients write no kid
    claims  {"iss": EMAIL, "aud": TOKEN_URL, "scope": "A B", "iat": 1700000000, "exp": 1700003600}

https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from docker_credential_gcr.emulator.identity.oauth.scopes import is_scope, split_scope

from .keys import jws
from .principal import CLOUD_PLATFORM

ALGORITHM = "RS256"
MAX_LIFETIME_S = 3600
# How far a client's clock may run ahead. A slow clock needs no tolerance: the assertion is valid for an hour.
# Kerberos and most token servers allow five minutes.
MAX_SKEW_S = 300
MAX_AUDIENCE_SIZE = 1024

# Google's texts, which users search for.
MALFORMED = "Invalid JWT: Token must be a signed JSON Web Token that names its issuer."
WRONG_SIGNATURE = "Invalid JWT Signature."
WRONG_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
WRONG_AUDIENCE = "Invalid JWT: Failed audience check."
ACCOUNT_NOT_FOUND = "Invalid grant: account not found"
WRONG_SCOPE = "Invalid OAuth scope or ID token audience provided."
DELEGATION = (
    "Client is unauthorized to retrieve access tokens using this method, "
    "or client not authorized for any of the scopes requested."
)


class InvalidAssertion(Exception):
    """The JWT is refused; `error` is the code of RFC 6749 §5.2, the message is Google's."""

    def __init__(self, description: str, error: str = "invalid_grant") -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True)
class RegisteredKey:
    """The public half of a service account key, with its account and project."""

    key_id: str
    email: str
    project_id: str
    public_key: str
    expires_at: int
    created_at: int = 0
    in_deleted_project: bool = False


@dataclass(frozen=True)
class Assertion:
    """The claims of a verified assertion; `target_audience` is the audience of the requested ID token."""

    email: str
    key_id: str
    oauth_scopes: frozenset[str]
    audience: str | None
    expires_at: int
    target_audience: str | None = None


# (email, key_id) -> the account's key of that ID; for an empty ID every key that may have signed.
FindKeys = Callable[[str, str], Sequence[RegisteredKey]]


def verify_assertion(
    assertion: str,
    *,
    find_keys: FindKeys,
    has_account: Callable[[str], bool],
    audiences: Collection[str],
    now: float,
) -> Assertion:
    """Verifies a JWT that requests an access token or an ID token. Raises InvalidAssertion."""
    claims, key = _verify(assertion, find_keys, has_account, now)
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience not in audiences:
        raise InvalidAssertion(WRONG_AUDIENCE)
    scopes, target_audience = _parse_scopes(claims), get_optional(claims, "target_audience")
    if target_audience is None and not scopes:
        raise InvalidAssertion(WRONG_SCOPE, "invalid_scope")
    if target_audience is not None and not _is_audience(target_audience):
        raise InvalidAssertion(WRONG_SCOPE, "invalid_scope")
    return Assertion(key.email, key.key_id, scopes, audience, int(claims["exp"]), target_audience)


def verify_self_signed(
    assertion: str, *, find_keys: FindKeys, audiences: Collection[str], now: float
) -> Assertion:
    """Verifies a JWT that is used as an access token. Raises InvalidAssertion.

    It names its scopes, or the service that it is for (https://google.aip.dev/auth/4111), which gives it all
    scopes at that service.
    """
    claims, key = _verify(assertion, find_keys, _any_account, now)
    audience, scopes = claims.get("aud"), _parse_scopes(claims)
    # RFC 7519 allows a list, too; Google's libraries write one string.
    if audience is not None and (not isinstance(audience, str) or audience not in {"", *audiences}):
        raise InvalidAssertion(WRONG_AUDIENCE)
    if not scopes and not audience:
        raise InvalidAssertion(WRONG_SCOPE, "invalid_scope")
    return Assertion(
        key.email,
        key.key_id,
        scopes or frozenset({CLOUD_PLATFORM}),
        audience or None,
        int(claims["exp"]),
    )


def _verify(
    assertion: str, find_keys: FindKeys, has_account: Callable[[str], bool], now: float
) -> tuple[dict[str, Any], RegisteredKey]:
    try:
        header, claims = jws.parse_unverified(assertion)
    except jws.InvalidJws as error:
        raise InvalidAssertion(MALFORMED) from error
    key_id, issuer = get_optional(header, "kid", ""), claims.get("iss")
    if not isinstance(key_id, str) or not isinstance(issuer, str):
        raise InvalidAssertion(MALFORMED)
    if not has_account(issuer):
        raise InvalidAssertion(ACCOUNT_NOT_FOUND)
    # A key, or the URL of a key, in the token is ignored.
    keys = (key for key in find_keys(issuer, key_id) if now < key.expires_at)
    key = next((key for key in keys if _has_signed(key, assertion)), None)
    if key is None:
        raise InvalidAssertion(WRONG_SIGNATURE)
    if key.in_deleted_project:
        raise InvalidAssertion(ACCOUNT_NOT_FOUND)
    _check_times(claims, now)
    if get_optional(claims, "sub", issuer) != issuer:
        raise InvalidAssertion(DELEGATION, "unauthorized_client")
    return claims, key


def _has_signed(key: RegisteredKey, assertion: str) -> bool:
    try:
        jws.verify(assertion, key.public_key, ALGORITHM)
    except jws.InvalidJws:
        return False
    return True


def get_optional(document: Mapping[str, Any], name: str, default: object = None) -> Any:
    """Returns a member; the default if it is missing or empty, because some libraries send it empty."""
    value = document.get(name)
    return default if value is None or value == "" else value


def _any_account(_email: str) -> bool:
    return True


def _check_times(claims: dict[str, Any], now: float) -> None:
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    if (
        not is_instant(issued_at)
        or not is_instant(expires_at)
        or not issued_at - MAX_SKEW_S <= now < expires_at
        or not 0 < expires_at - issued_at <= MAX_LIFETIME_S
    ):
        raise InvalidAssertion(WRONG_TIMES)
    not_before = get_optional(claims, "nbf", issued_at)
    if not is_instant(not_before) or now < not_before - MAX_SKEW_S:
        raise InvalidAssertion(WRONG_TIMES)


def is_instant(value: object) -> TypeGuard[float]:
    """Returns whether the value is a NumericDate of JWTs. https://www.rfc-editor.org/rfc/rfc7519#section-2"""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_audience(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_AUDIENCE_SIZE and value.isprintable()


def _parse_scopes(claims: dict[str, Any]) -> frozenset[str]:
    scope = get_optional(claims, "scope", "")
    if not isinstance(scope, str) or not is_scope(scope):
        raise InvalidAssertion(WRONG_SCOPE, "invalid_scope")
    return split_scope(scope)
