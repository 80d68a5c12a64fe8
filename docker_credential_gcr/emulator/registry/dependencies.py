"""What the registry's functions are handed."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from docker_credential_gcr.emulator.database.accounts.authenticator import Authenticator
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.read_cache import ReadCache
from docker_credential_gcr.emulator.identity.signed_urls import UrlSigner
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.oci.digest import Hasher
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.storage.base import BlobStore

K = TypeVar("K")
V = TypeVar("V")


def put_bounded(memory: dict[K, V], key: K, value: V, count: int) -> None:
    """Put the value into a memory of the last `count`."""
    memory.pop(key, None)
    while len(memory) >= count:
        memory.pop(next(iter(memory)))
    memory[key] = value


@dataclass(frozen=True)
class Services:
    """The registry's parts, how it is set, and its caches: of contents and of decisions.

    `hashers` are those of the uploads that were appended to last, each with the number of bytes that it was
    fed: without one, an upload's pieces are read once at its end. `created_ms` is what a bucket's configs say
    of when their images were made, by bucket and digest. With `links` blobs are answered with redirects.
    """

    database: Database
    store: BlobStore
    signer: Signer
    authenticator: Authenticator
    clock: Clock
    limits: Limits
    content_cache: ReadCache
    decision_cache: ReadCache
    takes_sparse_manifests: bool = False
    creates_repositories: bool = False
    is_open: bool = False
    is_open_to_others: bool = False
    links: UrlSigner | None = None
    hashers: dict[str, tuple[int, Hasher]] = field(default_factory=dict)
    created_ms: dict[tuple[str, str], int] = field(default_factory=dict)

    @cached_property
    def upload_key(self) -> bytes:
        """What signs the Locations of uploads."""
        return self.signer.derive_key("upload locations")
