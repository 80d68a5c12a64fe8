"""Fixtures of identity: a registered key pair, an unknown one, and the lookups of the functions."""

import secrets
from dataclasses import dataclass, replace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.keys import format_private, format_public

from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.keys.service_account_keys import NEVER, ServiceAccountKey
from docker_credential_gcr.emulator.identity.tokens import AccessGrant, Signer

NOW = 1_700_000_000
EMAIL = "ci@my-project.iam.gserviceaccount.com"


@dataclass
class AccountKeys:
    """Keys of one service account, a registered and an unknown one; the emulator's signer, and the time."""

    key: ServiceAccountKey
    other: ServiceAccountKey
    signer: Signer
    registered: RegisteredKey | None
    now: float = NOW
    email: str = EMAIL
    # Active logins of users.
    logins: tuple[str, ...] = ()

    def find_keys(self, email: str, key_id: str) -> list[RegisteredKey]:
        key = self.registered
        return [key] if key and key.email == email and key_id in ("", key.key_id) else []

    def expire_key(self, expires_at: int) -> None:
        assert self.registered is not None
        self.registered = replace(self.registered, expires_at=expires_at)

    def sign(
        self,
        changes: dict[str, object] | None = None,
        header: dict[str, object] | None = None,
        key: object = None,
        algorithm: str = "RS256",
    ) -> str:
        """Returns a JWT as a client signs it, with some claims replaced; None removes a claim."""
        claims = {"iss": EMAIL, "iat": NOW, "exp": NOW + 3600, "scope": "email openid", **(changes or {})}
        return jwt.encode(
            {name: value for name, value in claims.items() if value is not None},
            key if key is not None else self.key.private_key,  # type: ignore[arg-type]
            algorithm=algorithm,
            headers={"kid": self.key.key_id, **(header or {})},
        )

    def access_token(self, lifetime_s: int = 3600, key_id: str | None = None) -> str:
        grant = AccessGrant(
            f"serviceAccount:{EMAIL}",
            key_id or self.key.key_id,
            frozenset({"a"}),
            NOW + lifetime_s,
            NOW,
        )
        return self.signer.sign_access(grant, NOW)


def make_key(key: rsa.RSAPrivateKey) -> ServiceAccountKey:
    return ServiceAccountKey(secrets.token_hex(20), format_private(key), format_public(key))


@pytest.fixture
def keys(rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey) -> AccountKeys:
    key, other = make_key(rsa_key), make_key(other_rsa_key)
    registered = RegisteredKey(key.key_id, EMAIL, "my-project", key.public_key, NEVER)
    return AccountKeys(key, other, Signer.generate(), registered)
