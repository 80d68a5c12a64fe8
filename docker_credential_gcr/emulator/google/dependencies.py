"""What Google's APIs are served from: handed over by the composition root."""

import asyncio
from dataclasses import dataclass, field

from docker_credential_gcr.emulator.database.accounts.authenticator import Authenticator
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.identity.federation.issuer import Issuer
from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.storage.base import BlobStore


@dataclass(frozen=True)
class GoogleServices:
    """The records, the clock, the signing keys, how strictly administrators are told apart, and the bytes."""

    database: Database
    clock: Clock
    signer: Signer
    authenticator: Authenticator
    operator_token: str
    strict_admin: bool
    store: BlobStore
    issuer: Issuer
    id_tokens: IdTokenSigner
    # Of requests that need hashes of objects, one reads bytes at a time.
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
