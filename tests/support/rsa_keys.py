"""The forms in which tests hand over an RSA key; the keys themselves are fixtures of conftest.py."""

import base64
from datetime import datetime, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

# The last second of the year 9999: what Google writes for a key that does not expire.
NEVER = 253402300799


def format_private(key: rsa.RSAPrivateKey) -> str:
    """The PEM of a key file."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def format_public(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def make_certificate(key: Any, *, until: int = NEVER) -> str:
    """What a user uploads for a key: base64 of a certificate that the key has signed itself.

    No two are the same, and each gives the key another ID.
    """
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unused")])
    begin, end = (datetime.fromtimestamp(instant, timezone.utc) for instant in (1_600_000_000, until))
    number = x509.random_serial_number()
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), number, begin, end)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    return base64.b64encode(certificate).decode()
