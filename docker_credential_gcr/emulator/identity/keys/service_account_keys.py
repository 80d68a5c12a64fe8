"""Service account keys: creates them and the files that hold them, and signs with them.

https://cloud.google.com/iam/docs/reference/credentials/rest
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from . import encoding, jws

_ALGORITHM = "RS256"
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"
# Google writes this for a key that does not expire: the last second of the year 9999.
NEVER = 253402300799


@dataclass(frozen=True, repr=False)
class ServiceAccountKey:
    """A new key, whose private half is kept here and in the key file alone."""

    key_id: str
    private_key: str
    public_key: str


def generate() -> ServiceAccountKey:
    """Returns a new key, RSA with 2048 bits. Takes a tenth of a second or more: call it on a thread."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private_key, public_key = encoding.format_private(key).decode(), encoding.format_public(key.public_key())
    return ServiceAccountKey(secrets.token_hex(20), private_key, public_key)


def format_key_file(
    key: ServiceAccountKey, *, project_id: str, email: str, unique_id: str, token_uri: str = GOOGLE_TOKEN_URI
) -> str:
    """Returns the key as the JSON file that Google's clients read."""
    document = {
        "type": "service_account",
        "project_id": project_id,
        "private_key_id": key.key_id,
        "private_key": key.private_key,
        "client_email": email,
        "client_id": unique_id,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{quote(email, safe='')}",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(document, indent=2) + "\n"


def sign_jwt(claims: Mapping[str, object], key_id: str, private_key: str) -> str:
    """Returns a JWT of the claims, RS256, whose header names the key."""
    return jws.sign(claims, encoding.load_rsa(private_key), _ALGORITHM, {"typ": "JWT", "kid": key_id})


def sign_blob(blob: bytes, private_key: str) -> bytes:
    """Returns an RSA signature of the bytes: PKCS #1 v1.5 with SHA-256, which openssl and Google check."""
    return encoding.load_rsa(private_key).sign(blob, padding.PKCS1v15(), hashes.SHA256())
