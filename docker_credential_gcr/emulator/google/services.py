"""What Google's APIs are served from: handed over by the composition root."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner
from docker_credential_gcr.emulator.identity.issuer import Issuer
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.records import keys, logins, workload_identity
from docker_credential_gcr.emulator.records.database import Database


@dataclass(frozen=True)
class Services:
    """The records, the clock, the signing keys, how strictly administrators are told apart, and the bytes."""

    database: Database
    clock: Clock
    signer: Signer
    operator_token: str
    strict_admin: bool
    files: BlobFiles
    issuer: Issuer
    id_tokens: IdTokenSigner
    # Of requests that need hashes of objects, one reads bytes at a time.
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    def find_keys(self, email: str, key_id: str) -> Sequence[RegisteredKey]:
        """The service account's key of that ID, or its newest for an empty ID, as they are now."""
        with self.database.read() as connection:
            return keys.find_candidates(connection, email, key_id)

    def has_pool(self, name: str) -> bool:
        """Whether identities of the workload identity pool of that name count now."""
        with self.database.read() as connection:
            return workload_identity.is_active(connection, name)

    def has_login(self, login_id: str) -> bool:
        """Whether the user's login of that name goes on."""
        with self.database.read() as connection:
            return logins.is_living(connection, login_id)
