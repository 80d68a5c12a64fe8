"""Signs and verifies compact JWS: the one module that knows the JWT library.

Only signatures are checked here; what the claims mean, and when they end, is their reader's matter.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from docker_credential_gcr.emulator import strict_json

# A header line of common servers and proxies holds 8 KiB; nothing signed here comes near it.
MAX_SIZE = 16 * 1024
_KEY_ALGORITHMS = ("ES256", "RS256")


class InvalidJws(Exception):
    """The text is not a JWS with a signature of the expected kind and key."""


class InvalidKeys(Exception):
    """The text is not a set of public keys that can be used here."""


@dataclass(frozen=True)
class PublicKey:
    """A key of a set, with the one algorithm that it is for."""

    key_id: str
    algorithm: str
    key: EllipticCurvePublicKey | RSAPublicKey


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
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidJws("not of three parts")
    header, claims = map(_decode_object, parts[:2])
    # https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11: an extension not understood is refused.
    if "crit" in header:
        raise InvalidJws("a critical extension")
    return header, claims


def _decode_object(part: str) -> dict[str, Any]:
    try:
        document = strict_json.decode(jwt.utils.base64url_decode(part))
    except ValueError as error:
        raise InvalidJws("malformed") from error
    if not isinstance(document, dict):
        raise InvalidJws("JSON that is not an object")
    return document


def verify(token: str, key: EllipticCurvePublicKey | RSAPublicKey | str, algorithm: str) -> dict[str, Any]:
    """The claims of a compact JWS that `key` signed with `algorithm`, whatever its header says."""
    header, claims = parse_unverified(token)
    if header.get("alg") != algorithm:
        raise InvalidJws("wrong algorithm")
    try:
        jwt.PyJWS(algorithms=[algorithm]).decode(token, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidJws("wrong signature") from error
    return claims


def parse_keys(text: str) -> list[PublicKey]:
    """The keys of a JSON Web Key Set: RSA for RS256, and P-256 for ES256. Raises InvalidKeys.

    https://www.rfc-editor.org/rfc/rfc7517#section-5
    """
    try:
        found = jwt.PyJWKSet.from_dict(strict_json.decode(text)).keys
    # AttributeError, KeyError, TypeError: JSON of another form, of which the library knows nothing;
    # NotImplementedError: "alg": "none".
    except (jwt.PyJWTError, ValueError, AttributeError, KeyError, TypeError, NotImplementedError) as error:
        raise InvalidKeys("it is not a set of JSON Web Keys") from error
    keys = []
    for each in found:
        if not isinstance(each.key, EllipticCurvePublicKey | RSAPublicKey) or not each.key_id:
            raise InvalidKeys("each key must be a public one of the type RSA or EC, with a kid")
        algorithm = each.algorithm_name
        if algorithm not in _KEY_ALGORITHMS:
            raise InvalidKeys("each key must be for RS256 or ES256")
        keys.append(PublicKey(each.key_id, algorithm, each.key))
    return keys
