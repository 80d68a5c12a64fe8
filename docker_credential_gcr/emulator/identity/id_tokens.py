"""ID tokens: the identity of a user or service account, signed with RS256 as Google's, and their keys.

    header  {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
    claims  {"iss": "https://accounts.google.com", "aud": …, "azp": …, "sub": …, "email": …,
             "iat": 1700000000, "exp": 1700003600}

https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from docker_credential_gcr.emulator.identity.keys.base64_text import encode_base64url
from docker_credential_gcr.emulator.identity.keys.encoding import format_jwk, format_public

from .keys import jws
from .tokens import InvalidToken

ALGORITHM = "RS256"
ISSUER = "https://accounts.google.com"
LIFETIME_S = 3600


class IdTokenSigner:
    """The RSA key that signs ID tokens; `load` returns its PEM when first needed: creating one is slow."""

    def __init__(self, load: Callable[[], bytes]) -> None:
        self._load = load

    def sign(self, claims: Mapping[str, object], now: float) -> str:
        """Returns an ID token of the claims, valid for an hour from `now`."""
        times = {"iat": int(now), "exp": int(now) + LIFETIME_S}
        header = {"typ": "JWT", "kid": self.key_id}
        return jws.sign({"iss": ISSUER, **claims, **times}, self._key, ALGORITHM, header)

    def verify(self, token: str, now: float) -> dict[str, Any]:
        """Returns the claims of an ID token that this signer signed. Raises InvalidToken."""
        try:
            claims = jws.verify(token, self._public_pem, ALGORITHM)
        except jws.InvalidJws as error:
            raise InvalidToken(str(error)) from error
        if now >= claims["exp"]:
            raise InvalidToken("expired")
        return claims

    def format_jwks(self) -> dict[str, object]:
        """Returns the public half as a JSON Web Key Set. https://www.rfc-editor.org/rfc/rfc7517#section-5"""
        return {"keys": [format_jwk(self._key.public_key(), self.key_id)]}

    def format_certificates(self) -> dict[str, str]:
        """Returns {key ID: certificate with the public half, as PEM}."""
        from cryptography import x509  # 13 ms, which no server needs before it is ready

        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gcr-emulator")])
        certificate = (
            x509.CertificateBuilder(name, name, self._key.public_key())
            # Constants, so that all workers show the same certificate.
            .serial_number(1)
            .not_valid_before(datetime(2000, 1, 1, tzinfo=timezone.utc))
            .not_valid_after(datetime(9999, 12, 31, tzinfo=timezone.utc))
            .sign(self._key, hashes.SHA256())
        )
        return {self.key_id: certificate.public_bytes(serialization.Encoding.PEM).decode()}

    @cached_property
    def key_id(self) -> str:
        """Returns the ID of the key, which the header of its tokens has."""
        return hashlib.sha256(self._public_pem.encode()).hexdigest()[:40]

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        key = serialization.load_pem_private_key(self._load(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the key of ID tokens is not an RSA key")
        return key

    @cached_property
    def _public_pem(self) -> str:
        return format_public(self._key.public_key())


def hash_access_token(token: str) -> str:
    """Returns the `at_hash` of an ID token, for the access token that it comes with.

    https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken
    """
    half = hashlib.sha256(token.encode()).digest()[:16]
    return encode_base64url(half)
