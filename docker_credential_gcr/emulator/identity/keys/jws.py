"""JSON Web Signatures: signs and verifies compact JWS; the one module that imports the JWT library, PyJWT.

PyJWT is imported in the functions: with cryptography.x509 it takes 16 ms, which no server needs before it is
ready. Only signatures are checked here; the caller checks what the claims mean, and when they end.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from docker_credential_gcr.emulator.runtime import strict_json

# Common servers and proxies take a header line of 8 KiB; every token that is signed here is much shorter.
MAX_SIZE = 16 * 1024
_KEY_ALGORITHMS = ("ES256", "RS256")


class InvalidJws(Exception):
    """The text is not a JWS with a signature of the expected kind and key."""


class InvalidKeys(Exception):
    """The text is not a set of public keys that can be used here."""


@dataclass(frozen=True)
class VerificationKey:
    """A public key of a set, with the one algorithm that it is for."""

    key_id: str
    algorithm: str
    key: EllipticCurvePublicKey | RSAPublicKey


def load() -> None:
    """Imports PyJWT, at a moment when no request waits for it."""
    import jwt  # noqa: F401


def sign(
    claims: Mapping[str, object],
    key: EllipticCurvePrivateKey | RSAPrivateKey,
    algorithm: str,
    header: Mapping[str, str],
) -> str:
    """Returns a compact JWS over the claims as JSON."""
    import jwt  # 16 ms

    payload = json.dumps(claims, separators=(",", ":")).encode()
    return jwt.PyJWS(algorithms=[algorithm]).encode(payload, key, algorithm=algorithm, headers=dict(header))


def parse_unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns header and claims of a compact JWS, to find the key that verifies it. Raises InvalidJws."""
    if len(token) > MAX_SIZE or not token.isascii():
        raise InvalidJws("too long, or not ASCII")
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidJws("not of three parts")
    header, claims = map(_decode_object, parts[:2])
    # https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11: an extension not understood is refused.
    if "crit" in header:
        raise InvalidJws("a critical extension")
    return header, claims


def _decode_object(part: str) -> dict[str, Any]:
    import jwt  # 16 ms

    try:
        document = strict_json.decode(jwt.utils.base64url_decode(part))
    except ValueError as error:
        raise InvalidJws("malformed") from error
    if not isinstance(document, dict):
        raise InvalidJws("JSON that is not an object")
    return document


def verify(token: str, key: EllipticCurvePublicKey | RSAPublicKey | str, algorithm: str) -> dict[str, Any]:
    """Returns the claims of a compact JWS that `key` signed with `algorithm`. Raises InvalidJws.

    An algorithm or a key that the header names is not used.
    """
    import jwt  # 16 ms

    header, claims = parse_unverified(token)
    if header.get("alg") != algorithm:
        raise InvalidJws("wrong algorithm")
    try:
        jwt.PyJWS(algorithms=[algorithm]).decode(token, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidJws("wrong signature") from error
    return claims


def parse_keys(text: str) -> list[VerificationKey]:
    """Returns the keys of a JSON Web Key Set that can be used here: RSA for RS256, and P-256 for ES256.

    Others are ignored: https://www.rfc-editor.org/rfc/rfc7517#section-5. Raises InvalidKeys without any.
    """
    try:
        document = strict_json.decode(text)
    except strict_json.InvalidJson as error:
        raise InvalidKeys("it is not a set of JSON Web Keys") from error
    found = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise InvalidKeys("it is not a set of JSON Web Keys")
    keys = [key for each in found if (key := _find_key(each)) is not None]
    if not keys:
        raise InvalidKeys("it has no public key of the type RSA for RS256, or EC for ES256, with a kid")
    return keys


def _find_key(document: object) -> VerificationKey | None:
    """Returns the key; None for one that cannot be used here."""
    if not isinstance(document, dict):
        return None
    import jwt  # 16 ms

    try:
        found = jwt.PyJWK(document)
    # NotImplementedError: "alg": "none"; the others: members of a type that the library does not expect.
    except (jwt.PyJWTError, ValueError, AttributeError, KeyError, TypeError, NotImplementedError):
        return None
    key, key_id, algorithm = found.key, found.key_id, found.algorithm_name
    if not isinstance(key, EllipticCurvePublicKey | RSAPublicKey) or algorithm not in _KEY_ALGORITHMS:
        return None
    return VerificationKey(key_id, algorithm, key) if isinstance(key_id, str) and key_id else None
