"""OpenID Connect issuer of the emulator: its tokens stand for those of GitHub, GitLab or a cluster.

Its key differs from the one of access tokens: a token that it signs can be exchanged, and no more.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timezone

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.keys import encoding, jws

ALGORITHM = "ES256"


class Issuer(encoding.SigningKey):
    """The issuer's key: it signs subject tokens, and the certificates of service account keys."""

    name = "the issuer's key"

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        super().__init__(key)
        public = key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.public_key = jws.VerificationKey(hashlib.sha256(der).hexdigest()[:40], ALGORITHM, public)

    def sign(self, claims: Mapping[str, object]) -> str:
        """Returns a subject token of the claims."""
        header = {"typ": "JWT", "kid": self.public_key.key_id}
        return jws.sign(claims, self._key, ALGORITHM, header)

    def format_certificate(self, key: RegisteredKey) -> str:
        """Returns the public half of a service account key in a certificate, as PEM.

        Google's certificates are signed by the keys themselves. The emulator does not have the private halves
        of users' keys, and clients do not check these signatures.
        """
        from cryptography import x509  # 13 ms, which no server needs before it is ready

        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, key.email[:64])])
        certificate = (
            x509.CertificateBuilder(name, name, encoding.load_public_rsa(key.public_key))
            # The key's ID has 160 bits, and a serial number at most 159.
            .serial_number(int(key.key_id, 16) >> 1 or 1)
            .not_valid_before(datetime.fromtimestamp(key.created_at, timezone.utc))
            .not_valid_after(datetime.fromtimestamp(key.expires_at, timezone.utc))
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def format_jwks(self) -> dict[str, list[dict[str, str]]]:
        """Returns the public key as a JSON Web Key Set."""
        return {"keys": [encoding.format_jwk(self._key.public_key(), self.public_key.key_id)]}
