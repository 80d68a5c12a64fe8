"""Signs and verifies compact JWS: the one module that knows the JWT library.

Only signatures are checked here; what the claims mean, and when they end, is their reader's matter.
"""

import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# A header line of common servers and proxies holds 8 KiB; nothing signed here comes near it.
MAX_SIZE = 16 * 1024


class InvalidJws(Exception):
    """The text is not a JWS with a signature of the expected kind and key."""


def sign(
    claims: Mapping[str, object],
    key: EllipticCurvePrivateKey | RSAPrivateKey,
    algorithm: str,
    header: Mapping[str, str],
) -> str:
    """A compact JWS over the claims as JSON."""
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return jwt.PyJWS(algorithms=[algorithm]).encode(payload, key, algorithm=algorithm, headers=dict(header))


def parse_unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a compact JWS: good for finding the key to verify it with, nothing else."""
    if len(token) > MAX_SIZE or not token.isascii():
        raise InvalidJws("too long, or not ASCII")
    try:
        parsed = jwt.decode_complete(token, options={"verify_signature": False})
    # RecursionError: deeply nested JSON.
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise InvalidJws("malformed") from error
    # https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11: an extension not understood is refused.
    if "crit" in parsed["header"]:
        raise InvalidJws("a critical extension")
    return parsed["header"], parsed["payload"]


def verify(token: str, key: EllipticCurvePublicKey | str, algorithm: str) -> dict[str, Any]:
    """The claims of a compact JWS that `key` signed with `algorithm`, whatever its header says."""
    header, claims = parse_unverified(token)
    if header.get("alg") != algorithm:
        raise InvalidJws("wrong algorithm")
    try:
        jwt.PyJWS(algorithms=[algorithm]).decode(token, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidJws("wrong signature") from error
    return claims
