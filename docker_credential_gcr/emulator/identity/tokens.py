"""Access tokens and registry tokens of the emulator: signed and verified."""

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from docker_credential_gcr.emulator.identity.keys.encoding import SigningKey
from docker_credential_gcr.emulator.runtime.memoize import memoize

from .keys import jws

ALGORITHM = "ES256"
# The prefix of access tokens at Google, by which tools tell them from JWTs.
ACCESS_TOKEN_PREFIX = "ya29."
_ACCESS_HEADER = {"alg": ALGORITHM, "typ": "access+jwt"}
_REGISTRY_HEADER = {"alg": ALGORITHM, "typ": "registry+jwt"}
_ACCESS_AUDIENCE = "gcr-emulator/apis"
_REGISTRY_AUDIENCE = "gcr-emulator/registry"
# Characters of the verified tokens of each kind that are cached: some 4,000 tokens.
_CACHE_SIZE = 6 * 1024 * 1024


class InvalidToken(Exception):
    """The token was not signed by this key, is of another kind, or has expired."""


@dataclass(frozen=True)
class AccessGrant:
    """The content of an access token; instants in seconds since the epoch, `sets` as those of Principal."""

    member: str
    key_id: str | None
    oauth_scopes: frozenset[str]
    expires_at: int
    issued_at: int
    sets: tuple[str, ...] = ()


@dataclass(frozen=True)
class RegistryGrant:
    """The content of a registry token: the granted actions of each repository, by its `format_name`.

    `site` is the host that it is valid for; `lists_catalog` allows the catalog of that host.
    """

    member: str | None
    key_id: str | None
    oauth_scopes: frozenset[str]
    site: str
    repositories: tuple[tuple[str, frozenset[str]], ...]
    expires_at: int
    issued_at: int
    sets: tuple[str, ...] = ()
    lists_catalog: bool = False

    @staticmethod
    def format_name(site: str, host: str, path: str) -> str:
        """Returns the name of a repository of `host` in a grant for `site`; of another host with the host.

        my-project/app; //us-docker.pkg.dev/my-project/images/app, which is not a valid path.
        """
        return path if host == site else f"//{host}/{path}"

    def find_actions(self, host: str, path: str) -> frozenset[str]:
        """Returns the actions that the token allows on a repository of `host`."""
        return dict(self.repositories).get(self.format_name(self.site, host, path), frozenset())

    def is_for_site(self, host: str) -> bool:
        """Returns whether the token is for `host`, or names a repository there."""
        prefix = self.format_name(self.site, host, "")
        return host == self.site or any(name.startswith(prefix) for name, _ in self.repositories)


class Signer(SigningKey):
    """The emulator's signing key, with a bounded cache of verified tokens."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        super().__init__(key)
        self._public_key = key.public_key()
        # An error is not cached: a token that was not signed here takes no room.
        self._read_access: Callable[[str], AccessGrant] = memoize(_CACHE_SIZE)(self._parse_access)
        self._read_registry: Callable[[str], RegistryGrant] = memoize(_CACHE_SIZE)(self._parse_registry)

    def derive_key(self, purpose: str) -> bytes:
        """Returns a secret of 32 bytes for that purpose, derived from the key. RFC 5869"""
        private = self._key.private_numbers().private_value.to_bytes(32, "big")
        return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(private)

    def sign_access(self, grant: AccessGrant, now: float) -> str:
        """Returns an access token for the grant. Raises ValueError if the grant has expired."""
        return ACCESS_TOKEN_PREFIX + self._sign(
            {"aud": _ACCESS_AUDIENCE, **_format_claims(grant)}, _ACCESS_HEADER, now
        )

    def verify_access(self, token: str, now: float) -> AccessGrant:
        """Returns the grant of an access token that this signer signed. Raises InvalidToken."""
        grant = self._read_access(token)
        _check_expiry(grant.expires_at, now)
        return grant

    def sign_registry(self, grant: RegistryGrant, now: float) -> str:
        """Returns a registry token for the grant. Raises ValueError if the grant has expired.

        It is the JWS in standard base64, opaque as Google's: clients cannot take it for another kind.
        """
        claims = {
            "aud": _REGISTRY_AUDIENCE,
            **_format_claims(grant),
            "site": grant.site,
            "access": [[name, sorted(actions)] for name, actions in grant.repositories],
            "catalog": grant.lists_catalog,
        }
        return base64.b64encode(self._sign(claims, _REGISTRY_HEADER, now).encode()).decode()

    def verify_registry(self, token: str, now: float) -> RegistryGrant:
        """Returns the grant of a registry token that this signer signed. Raises InvalidToken."""
        grant = self._read_registry(token)
        _check_expiry(grant.expires_at, now)
        return grant

    def _sign(self, claims: dict[str, object], header: dict[str, str], now: float) -> str:
        if claims["exp"] <= now:  # type: ignore[operator]
            raise ValueError("an expired grant cannot be signed")
        return jws.sign(claims, self._key, ALGORITHM, header)

    def _parse_access(self, token: str) -> AccessGrant:
        if not token.startswith(ACCESS_TOKEN_PREFIX):
            raise InvalidToken("not an access token")
        claims = self._verify(token[len(ACCESS_TOKEN_PREFIX) :], _ACCESS_HEADER, _ACCESS_AUDIENCE)
        return AccessGrant(
            claims["sub"],
            claims["key"],
            frozenset(claims["scope"].split()),
            claims["exp"],
            claims["iat"],
            tuple(claims.get("sets", ())),
        )

    def _parse_registry(self, token: str) -> RegistryGrant:
        claims = self._verify(_unwrap(token), _REGISTRY_HEADER, _REGISTRY_AUDIENCE)
        return RegistryGrant(
            claims["sub"],
            claims["key"],
            frozenset(claims["scope"].split()),
            claims["site"],
            tuple((name, frozenset(actions)) for name, actions in claims["access"]),
            claims["exp"],
            claims["iat"],
            tuple(claims.get("sets", ())),
            claims.get("catalog", False),
        )

    def _verify(self, token: str, header: dict[str, str], audience: str) -> dict[str, Any]:
        try:
            # Equal, not similar: a header with a jwk, a jku, an x5u or any other member is refused.
            if jws.parse_unverified(token)[0] != header:
                raise InvalidToken("a token of another kind")
            claims = jws.verify(token, self._public_key, ALGORITHM)
        except jws.InvalidJws as error:
            raise InvalidToken(str(error)) from error
        if not hmac.compare_digest(str(claims.get("aud")), audience):
            raise InvalidToken("a token for another audience")
        return claims


def _format_claims(grant: AccessGrant | RegistryGrant) -> dict[str, object]:
    claims: dict[str, object] = {
        "sub": grant.member,
        "key": grant.key_id,
        "scope": " ".join(sorted(grant.oauth_scopes)),
        "iat": grant.issued_at,
        "exp": grant.expires_at,
    }
    return {**claims, "sets": grant.sets} if grant.sets else claims


def _unwrap(token: str) -> str:
    if len(token) > 2 * jws.MAX_SIZE:
        raise InvalidToken("too long")
    try:
        return base64.b64decode(token, validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("not a registry token") from error


def _check_expiry(expires_at: int, now: float) -> None:
    if now >= expires_at:
        raise InvalidToken("expired")
