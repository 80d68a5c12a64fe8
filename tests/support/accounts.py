"""Service accounts that sign with their key files."""

import json
import time
from collections.abc import Mapping
from functools import cache

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def sign_assertion(
    key_file: Mapping[str, str], now: int, *, key: str | None = None, kid: str | None = None, **claims: object
) -> str:
    """Returns a JWT as Google's clients sign it with a key file; None removes a claim."""
    usual = {"iss": key_file["client_email"], "iat": now, "exp": now + 3600, "scope": CLOUD_PLATFORM}
    signed = {name: value for name, value in (usual | claims).items() if value is not None}
    loaded = _load_key(key or key_file["private_key"])
    return jwt.encode(signed, loaded, "RS256", {"kid": kid or key_file["private_key_id"]})


@cache
def _load_key(pem: str) -> RSAPrivateKey:
    # Cached: each load checks that the numbers are primes, 15 ms; most tests sign with one key.
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


class Account:
    """A service account and its key."""

    def __init__(self, url: str, document: dict[str, str]) -> None:
        self.url = url
        self.document = document
        self.member = f"serviceAccount:{document['client_email']}"
        self.key_file = json.dumps(document)
        self.basic = ("_json_key", self.key_file)

    def sign(self, *, key: str | None = None, kid: str | None = None, **changes: object) -> str:
        """Returns a self-signed JWT, which Google's clients send as an access token; None removes a claim."""
        claims = {"sub": self.document["client_email"], "scope": READ_WRITE, **changes}
        return sign_assertion(self.document, int(time.time()), key=key, kid=kid, **claims)

    def access_token(self, scope: str = READ_WRITE) -> str:
        """Returns an access token with that OAuth scope."""
        assertion = self.sign(scope=scope, aud="https://oauth2.googleapis.com/token")
        form = {"grant_type": JWT_BEARER, "assertion": assertion}
        answer = requests.post(f"{self.url}/token", data=form, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])
