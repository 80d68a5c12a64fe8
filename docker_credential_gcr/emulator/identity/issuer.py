"""The emulator's own OpenID Connect issuer, whose tokens stand for those of GitHub, GitLab or a cluster.

Its key is not the one of access tokens: what it signs is good for an exchange, and for nothing else.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import jws

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateBuilder

ALGORITHM = "ES256"


class Issuer:
    """The issuer's key: it signs subject tokens, and the certificates of service account keys."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        public = key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.public_key = jws.PublicKey(hashlib.sha256(der).hexdigest()[:40], ALGORITHM, public)

    @classmethod
    def generate(cls) -> "Issuer":
        """An issuer with a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "Issuer":
        """The issuer of `to_pem`. Raises ValueError for anything but a P-256 private key."""
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the issuer's key is not an EC key on P-256")
        return cls(key)

    def to_pem(self) -> bytes:
        """The private key, PKCS8: a secret."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, claims: Mapping[str, object]) -> str:
        """A subject token of the claims."""
        header = {"typ": "JWT", "kid": self.public_key.key_id}
        return jws.sign(claims, self._key, ALGORITHM, header)

    def sign_certificate(self, builder: "CertificateBuilder") -> "Certificate":
        """The certificate that the builder describes."""
        return builder.sign(self._key, hashes.SHA256())

    def format_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as a set of JSON Web Keys. https://www.rfc-editor.org/rfc/rfc7518#section-6.2"""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kid": self.public_key.key_id,
            "kty": "EC",
            "alg": ALGORITHM,
            "use": "sig",
            "crv": "P-256",
            "x": _format_number(numbers.x),
            "y": _format_number(numbers.y),
        }
        return {"keys": [key]}


def _format_number(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
