"""The emulator's own OpenID Connect issuer, whose tokens stand for those of GitHub, GitLab or a cluster.

Its key is not the one of access tokens: what it signs is good for an exchange, and for nothing else.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from docker_credential_gcr.emulator.identity.keys import forms as keys
from docker_credential_gcr.emulator.identity.keys import jws

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateBuilder

ALGORITHM = "ES256"


class Issuer(keys.SigningKey):
    """The issuer's key: it signs subject tokens, and the certificates of service account keys."""

    name = "the issuer's key"

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        super().__init__(key)
        public = key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.public_key = jws.PublicKey(hashlib.sha256(der).hexdigest()[:40], ALGORITHM, public)

    def sign(self, claims: Mapping[str, object]) -> str:
        """Returns a subject token of the claims."""
        header = {"typ": "JWT", "kid": self.public_key.key_id}
        return jws.sign(claims, self._key, ALGORITHM, header)

    def sign_certificate(self, builder: "CertificateBuilder") -> "Certificate":
        """Returns the certificate that the builder describes."""
        return builder.sign(self._key, hashes.SHA256())

    def format_jwks(self) -> dict[str, list[dict[str, str]]]:
        """Returns the public key as a set of JSON Web Keys."""
        return {"keys": [keys.format_jwk(self._key.public_key(), self.public_key.key_id)]}
