"""Key encoding: private and public keys in PEM, public ones as JSON Web Keys, EC on P-256 and RSA."""

import hashlib
from typing import TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .base64_text import encode_base64url

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
K = TypeVar("K", bound="SigningKey")


class SigningKey:
    """A signer with an EC key on P-256; error messages call the key `name`."""

    name = "the signing key"

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls: type[K]) -> K:
        """Returns a signer with a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls: type[K], pem: bytes) -> K:
        """Returns the signer of a `to_pem`. Raises ValueError if it is not a private key on P-256."""
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"{cls.name} is not an EC key on P-256")
        return cls(key)

    def to_pem(self) -> bytes:
        """Returns the private key in PEM, PKCS8: a secret."""
        return format_private(self._key)

    @property
    def fingerprint(self) -> str:
        """Returns a digest of the public key, which tells keys apart and is no secret."""
        return hashlib.blake2b(format_public(self._key.public_key()).encode(), digest_size=20).hexdigest()


def format_private(key: PrivateKey) -> bytes:
    """Returns a private key in PEM, PKCS8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def format_public(key: PublicKey) -> str:
    """Returns a public key in PEM."""
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, info).decode()


def load_rsa(private_key: str) -> rsa.RSAPrivateKey:
    """Returns the RSA key in a PEM that the emulator wrote; the check of its numbers, 36 ms, is skipped."""
    pem = private_key.encode()
    key = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def load_public_rsa(public_key: str) -> rsa.RSAPublicKey:
    """Returns the RSA public key in a PEM."""
    key = serialization.load_pem_public_key(public_key.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("not an RSA key")
    return key


def format_jwk(key: PublicKey, key_id: str) -> dict[str, str]:
    """Returns a public key as a JSON Web Key. https://www.rfc-editor.org/rfc/rfc7518#section-6"""
    numbers = key.public_numbers()
    if isinstance(numbers, rsa.RSAPublicNumbers):
        kind = {"kty": "RSA", "alg": "RS256"}
        values = {"n": _encode_number(numbers.n), "e": _encode_number(numbers.e)}
    else:
        kind = {"kty": "EC", "alg": "ES256", "crv": "P-256"}
        values = {"x": _encode_number(numbers.x, 32), "y": _encode_number(numbers.y, 32)}
    return {"kid": key_id, "use": "sig", **kind, **values}


def _encode_number(number: int, size: int = 0) -> str:
    return encode_base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))
