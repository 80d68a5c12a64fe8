"""Makes service account keys, and the files that carry them."""

import json
import secrets
from dataclasses import dataclass
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa

from .forms import format_private, format_public

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"
# What Google writes for a key that does not expire: the last second of the year 9999.
NEVER = 253402300799


@dataclass(frozen=True, repr=False)
class ServiceAccountKey:
    """A new key. The private half exists here and in the file that is made of it, nowhere else."""

    key_id: str
    private_key: str
    public_key: str


def generate() -> ServiceAccountKey:
    """A new key, RSA with 2048 bits. Takes a tenth of a second or more: call it on a thread."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private_key, public_key = format_private(key).decode(), format_public(key.public_key())
    return ServiceAccountKey(secrets.token_hex(20), private_key, public_key)


def format_key_file(
    key: ServiceAccountKey, *, project_id: str, email: str, unique_id: str, token_uri: str = GOOGLE_TOKEN_URI
) -> str:
    """The key as the JSON file that Google's clients read."""
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
