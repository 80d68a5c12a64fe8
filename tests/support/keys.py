"""Forms of keys and certificates; the RSA keys themselves are fixtures of conftest.py."""

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

# The last second of the year 9999: what Google writes for a key that does not expire.
NEVER = 253402300799


def make_key_file(private_key: str, /, **fields: Any) -> dict[str, Any]:
    """Returns a service account's key file; a field that is None is left out."""
    content = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "0" * 40,
        "private_key": private_key,
        "client_email": "ci@my-project.iam.gserviceaccount.com",
        "client_id": "1",
        "universe_domain": "googleapis.com",
    }
    return {name: value for name, value in (content | fields).items() if value is not None}


def format_private(key: rsa.RSAPrivateKey) -> str:
    """Returns the PEM of a key file."""
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
    """Returns the data that a user uploads for a key: base64 of a self-signed certificate.

    Each call returns another certificate, which gives the key another ID.
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


def save_certificate(directory: Path, *names: str) -> Path:
    """Writes a certificate of the names to CA.pem, and with its key to server.pem; returns that path."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    day = timedelta(days=1)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (directory / "CA.pem").write_bytes(pem)
    form, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = directory / "server.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption) + pem)
    return path
