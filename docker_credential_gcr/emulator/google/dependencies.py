"""Dependencies that Google's APIs share, which the composition root (emulator/app.py) passes in."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from docker_credential_gcr.emulator.database.accounts.authenticator import Authenticator
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.pubsub.excess import Bounds
from docker_credential_gcr.emulator.identity.federation.issuer import Issuer
from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner
from docker_credential_gcr.emulator.identity.redirection import RegistryKind
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.storage.base import BlobStore


@dataclass(frozen=True)
class GoogleServices:
    """Database, clock, signing keys, blob store, and how strictly administrators are authenticated."""

    database: Database
    clock: Clock
    signer: Signer
    authenticator: Authenticator
    operator_token: str
    strict_admin: bool
    store: BlobStore
    issuer: Issuer
    id_tokens: IdTokenSigner
    # Of new projects.
    registry_kind: RegistryKind
    limits: Limits = field(default_factory=Limits)
    # Counts messages or subscriptions of Pub/Sub by what became of them.
    count_pubsub: Callable[[str, int], None] = lambda _result, _count: None
    # Sends requests to push endpoints of subscriptions.
    outgoing: OutgoingClient = field(default_factory=lambda: OutgoingClient(OutgoingRule(loopback=True)))
    # One request at a time reads bytes to compute the hashes of objects.
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    @property
    def bounds(self) -> Bounds:
        """Returns what a subscription of Pub/Sub keeps."""
        return Bounds(self.limits.pubsub_messages, self.limits.pubsub_size)
