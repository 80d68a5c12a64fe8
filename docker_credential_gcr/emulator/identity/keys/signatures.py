"""What Google signs for service accounts, and how it publishes the keys to check that with.

https://cloud.google.com/iam/docs/reference/credentials/rest
"""

from collections.abc import Mapping
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from docker_credential_gcr.emulator.identity.assertions import ALGORITHM, RegisteredKey
from docker_credential_gcr.emulator.identity.federation.issuer import Issuer

from . import forms as keys
from . import jws


def sign_jwt(claims: Mapping[str, object], key_id: str, private_key: str) -> str:
    """Returns a JWT of the claims, RS256, whose header names the key."""
    return jws.sign(claims, keys.load_rsa(private_key), ALGORITHM, {"typ": "JWT", "kid": key_id})


def sign_blob(blob: bytes, private_key: str) -> bytes:
    """Returns an RSA signature of the bytes: PKCS #1 v1.5 with SHA-256, which openssl and Google check."""
    return keys.load_rsa(private_key).sign(blob, padding.PKCS1v15(), hashes.SHA256())


def format_jwk(key: RegisteredKey) -> dict[str, str]:
    """Returns the public half as a JSON Web Key."""
    return keys.format_jwk(keys.load_public_rsa(key.public_key), key.key_id)


def format_certificate(key: RegisteredKey, issuer: Issuer) -> str:
    """Returns the public half in a certificate, as PEM.

    Google's are signed by the keys themselves; the private halves of users' keys are not here, and
    nobody checks these signatures: the emulator's own issuer makes them all.
    """
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, key.email[:64])])
    builder = (
        x509.CertificateBuilder(name, name, keys.load_public_rsa(key.public_key))
        # The key's ID has 160 bits, and a serial number at most 159.
        .serial_number(int(key.key_id, 16) >> 1 or 1)
        .not_valid_before(_format_instant(key.created_at))
        .not_valid_after(_format_instant(key.expires_at))
    )
    return issuer.sign_certificate(builder).public_bytes(serialization.Encoding.PEM).decode()


def _format_instant(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, timezone.utc)
