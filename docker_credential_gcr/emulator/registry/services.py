"""What the registry's functions are handed."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from docker_credential_gcr.emulator.blobs.claims import Claims
from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.blobs.spool import Spool
from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.identity.links import LinkSigner
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.records.authenticator import Authenticator
from docker_credential_gcr.emulator.records.database import Database
from docker_credential_gcr.emulator.settings import Limits

from .known_room import KnownRoom
from .known_upload import KnownUpload
from .memory import Memory
from .noted_uploads import NotedUploads

K = TypeVar("K")
V = TypeVar("V")


def keep_last(memory: dict[K, V], key: K, value: V, count: int) -> None:
    """Put the value into a memory of the last `count`."""
    memory.pop(key, None)
    while len(memory) >= count:
        memory.pop(next(iter(memory)))
    memory[key] = value


@dataclass(frozen=True)
class Services:
    """The registry's parts, how it is set, and its memories: of contents, of who may do what, of uploads.

    `spools` only saves hashing an upload's bytes again: whatever is lost is read from the disk.
    `claims` are the uploads that a request is writing to, `noted` those without a row; `known_uploads` need
    not be asked for, `ended_uploads` are those that ended last; `room` is what is known of the room for more.
    `repositories` are those that were found, by bucket and name.
    `created_ms` is what a bucket's configs say of when their images were made, by bucket and digest.
    With `links` blobs are answered with redirects.
    """

    database: Database
    files: BlobFiles
    signer: Signer
    authenticator: Authenticator
    clock: Clock
    limits: Limits
    memory: Memory
    decisions: Memory
    repositories: Memory
    noted: NotedUploads
    takes_sparse_manifests: bool = False
    creates_repositories: bool = False
    is_open: bool = False
    is_open_to_others: bool = False
    links: LinkSigner | None = None
    spools: dict[str, Spool] = field(default_factory=dict)
    known_uploads: dict[str, KnownUpload] = field(default_factory=dict)
    ended_uploads: dict[str, None] = field(default_factory=dict)
    created_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    claims: Claims = field(default_factory=Claims)
    room: KnownRoom = field(default_factory=KnownRoom)

    def uploads_since(self) -> float:
        """The instant before which uploads began whose time is over."""
        return self.clock.now() - self.limits.upload_lifetime_s

    @cached_property
    def upload_key(self) -> bytes:
        """What signs the Locations of uploads."""
        return self.signer.derive_key("upload locations")
