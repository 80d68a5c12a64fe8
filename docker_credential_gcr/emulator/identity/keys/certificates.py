"""Certificates that users upload for their own keys: base64 of an X.509 certificate in PEM.

https://cloud.google.com/iam/docs/keys-upload
"""

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .base64_text import decode_base64
from .encoding import format_public


class InvalidCertificate(Exception):
    """The data is not a certificate of an RSA key."""


@dataclass(frozen=True)
class UploadedKey:
    """The public half of an uploaded key as PEM, with its expiry in seconds since the epoch."""

    key_id: str
    public_key: str
    expires_at: int


def parse_certificate(data: object) -> UploadedKey:
    """Returns the key of a certificate; the certificate alone decides its ID. Raises InvalidCertificate."""
    if not isinstance(data, str):
        raise InvalidCertificate("publicKeyData must be base64 of a certificate")
    try:
        certificate = x509.load_pem_x509_certificate(decode_base64(data))
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidCertificate("publicKeyData must be base64 of an X.509 certificate in PEM") from error
    if not isinstance(key, rsa.RSAPublicKey) or not 2048 <= key.key_size <= 4096:
        raise InvalidCertificate("the certificate's key must be RSA with 2048 to 4096 bits")
    key_id = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()[:40]
    expires_at = int(certificate.not_valid_after_utc.timestamp())
    return UploadedKey(key_id, format_public(key), expires_at)
