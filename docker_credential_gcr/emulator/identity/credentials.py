"""Credentials in an Authorization header, as Google's registries and APIs accept them.

Basic  _json_key:KEY FILE · _json_key_base64:BASE64 OF IT · USER:ACCESS TOKEN · USER:SELF-SIGNED JWT
Bearer ACCESS TOKEN · SELF-SIGNED JWT
"""

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from docker_credential_gcr.emulator.identity.federation.principals import find_pool
from docker_credential_gcr.emulator.identity.keys.base64_text import decode_base64
from docker_credential_gcr.emulator.runtime import strict_json

from .assertions import FindKeys, InvalidAssertion, get_optional, verify_self_signed
from .principal import ANONYMOUS, CLOUD_PLATFORM, Principal, format_service_account
from .tokens import AccessGrant, InvalidToken, RegistryGrant, Signer

# A key file is 2.4 KiB; in base64 twice, as _json_key_base64 sends it, 4.3 KiB.
MAX_SIZE = 32 * 1024

# User names of tokens. Google's Go helper writes its version into the name.
# https://cloud.google.com/container-registry/docs/advanced-authentication
_TOKEN_USERS = frozenset({"oauth2accesstoken", "_token", "_dcgcloud_token", "gclouddockertoken"})
_VERSIONED_TOKEN_USER = re.compile(r"_dcgcr_(?:[0-9]+_)*token", re.ASCII)


# The PEM of a private key is 3.8 times as long as the public one, 4.1 times at 4096 bits.
_PRIVATE_TO_PUBLIC = 5
# Prefix of a login's ID, which a user's access token has in place of a service account key's ID.
LOGIN_PREFIX = "login-"


class InvalidCredential(Exception):
    """The credential is malformed, unknown, expired or forged."""


class KeyOfDeletedProject(InvalidCredential):
    """A valid key of a service account whose project is deleted."""

    def __init__(self, project_id: str) -> None:
        super().__init__(f"the project of the account, {project_id}, is deleted")
        self.project_id = project_id


class Lookups(NamedTuple):
    """Lookups of what a credential depends on: service account keys, logins and workload identity pools."""

    find_keys: FindKeys
    has_login: Callable[[str], bool]
    has_pool: Callable[[str], bool]


def authenticate(
    authorization: str | None,
    lookups: Lookups,
    *,
    signer: Signer,
    now: float,
    audiences: Collection[str] = (),
) -> Principal:
    """Returns the principal of an Authorization header; without one, ANONYMOUS.

    `audiences` are the services that a self-signed JWT may name in place of scopes. Raises InvalidCredential.
    """
    if authorization is None:
        return ANONYMOUS
    if len(authorization) > MAX_SIZE:
        raise InvalidCredential("too long")
    scheme, _, rest = authorization.partition(" ")
    credential = rest.strip(" ")

    def verify_token(token: str) -> Principal:
        # Every JWT starts with the base64 of '{"'.
        if token.startswith("eyJ"):
            return _verify_self_signed(token, lookups.find_keys, now, audiences)
        grant = _verify_access_token(token, signer, now)
        if not is_active(grant, lookups, now=now):
            raise InvalidCredential("the key, the login or the pool behind the token is gone")
        return Principal(grant.member, grant.oauth_scopes, grant.key_id, grant.sets)

    if scheme.lower() == "bearer":
        return verify_token(credential)
    if scheme.lower() != "basic":
        raise InvalidCredential("unknown scheme")
    user, password = _parse_basic(credential)
    if user == "_json_key":
        return _verify_key_file(password, lookups.find_keys, now)
    if user == "_json_key_base64":
        return _verify_key_file(_decode(password), lookups.find_keys, now)
    if user in _TOKEN_USERS or _VERSIONED_TOKEN_USER.fullmatch(user):
        return verify_token(password)
    raise InvalidCredential("unknown user name")


def is_active(grant: AccessGrant | RegistryGrant, lookups: Lookups, *, now: float) -> bool:
    """Returns whether the key, login or pool that a token depends on is active; True if it has none.

    Google's access token is valid for up to an hour after the deletion of its key; here it ends with the key,
    so that a test of a revoked key need not wait.
    """
    key_id, pool = grant.key_id, find_pool(grant.member)
    if pool is not None and not lookups.has_pool(pool):
        return False
    if key_id is None:
        return True
    if key_id.startswith(LOGIN_PREFIX):
        return lookups.has_login(key_id)
    keys = lookups.find_keys((grant.member or "").partition(":")[2], key_id)
    return any(not key.in_deleted_project and now < key.expires_at for key in keys)


def _verify_self_signed(token: str, find_keys: FindKeys, now: float, audiences: Collection[str]) -> Principal:
    try:
        said = verify_self_signed(token, find_keys=find_keys, audiences=audiences, now=now)
    except InvalidAssertion as error:
        raise InvalidCredential(str(error)) from error
    return Principal(format_service_account(said.email), said.oauth_scopes, said.key_id)


def _verify_access_token(token: str, signer: Signer, now: float) -> AccessGrant:
    try:
        return signer.verify_access(token, now)
    except InvalidToken as error:
        raise InvalidCredential(str(error)) from error


def _parse_basic(credential: str) -> tuple[str, str]:
    user, colon, password = _decode(credential).partition(":")
    if not colon:
        raise InvalidCredential("no colon between user name and password")
    return user, password


def _decode(text: str) -> str:
    try:
        decoded = decode_base64(text).decode("utf-8")
    except ValueError as error:
        raise InvalidCredential("malformed base64 or UTF-8") from error
    if "\0" in decoded:
        raise InvalidCredential("a NUL byte")
    return decoded


def _verify_key_file(text: str, find_keys: FindKeys, now: float) -> Principal:
    document = _parse_object(text)
    email, private_key = document.get("client_email"), document.get("private_key")
    key_id = get_optional(document, "private_key_id", "")
    if document.get("type") != "service_account" or not isinstance(email, str) or not isinstance(key_id, str):
        raise InvalidCredential("not a service account key file")
    if not isinstance(private_key, str):
        raise InvalidCredential("a key file without its private key")
    keys = [key for key in find_keys(email, key_id) if now < key.expires_at]
    if not keys:
        raise InvalidCredential("unknown key")
    # The ID of a key is no secret: the size is checked before the parser runs.
    if len(private_key) > _PRIVATE_TO_PUBLIC * max(len(key.public_key) for key in keys):
        raise InvalidCredential("a longer private key")
    modulus = _find_modulus(private_key)
    key = next((key for key in keys if _get_modulus(key.public_key) == modulus), None)
    if key is None:
        raise InvalidCredential("another private key")
    if key.in_deleted_project:
        raise KeyOfDeletedProject(key.project_id)
    return Principal(format_service_account(key.email), frozenset({CLOUD_PLATFORM}), key.key_id)


def _parse_object(text: str) -> dict[str, Any]:
    try:
        document = strict_json.decode(text)
    except strict_json.InvalidJson as error:
        raise InvalidCredential("malformed JSON") from error
    if not isinstance(document, dict):
        raise InvalidCredential("JSON that is not an object")
    return document


def _find_modulus(private_key: str) -> int | None:
    """Returns the product of the private key's two primes; None for a key without primes.

    A client that knows the primes has the key, and their product is the modulus of the public half. The
    library's check that they are prime takes 36 ms for 2048 bits and 5 s for 8192, while no other client is
    served. This takes 20 µs.
    """
    try:
        key = serialization.load_pem_private_key(
            private_key.encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
        if not isinstance(key, rsa.RSAPrivateKey):
            return None
        numbers = key.private_numbers()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidCredential("malformed private key") from error
    return numbers.p * numbers.q if numbers.p > 1 and numbers.q > 1 else None


def _get_modulus(public_key: str) -> int:
    key = serialization.load_pem_public_key(public_key.encode())
    return key.public_numbers().n if isinstance(key, rsa.RSAPublicKey) else 0
