"""What the registry's functions are handed."""

from dataclasses import dataclass, field

from docker_credential_gcr.emulator.blobs.claims import Claims
from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.blobs.spool import Spool
from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.records.database import Database
from docker_credential_gcr.emulator.settings import Limits

from .memory import Memory


@dataclass(frozen=True)
class Services:
    """The registry's parts, how it is set, and its memories: of contents, of who may do what, of uploads.

    `spools` only saves hashing an upload's bytes again: whatever is lost is read from the disk.
    `claims` are the uploads that a request is writing to.
    """

    database: Database
    files: BlobFiles
    signer: Signer
    clock: Clock
    limits: Limits
    memory: Memory
    decisions: Memory
    takes_sparse_manifests: bool = False
    creates_repositories: bool = False
    spools: dict[str, Spool] = field(default_factory=dict)
    claims: Claims = field(default_factory=Claims)
