"""Dependencies of the registry's handlers: stores, settings and caches."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar
from weakref import WeakValueDictionary

from docker_credential_gcr.emulator.database.accounts.authenticator import Authenticator
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.read_cache import ReadCache
from docker_credential_gcr.emulator.identity.redirection import DEFAULT_KIND, RegistryKind
from docker_credential_gcr.emulator.identity.signed_urls import UrlSigner
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.oci.digest import Hasher
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.storage.base import BlobStore

K = TypeVar("K")
V = TypeVar("V")


def put_bounded(cache: dict[K, V], key: K, value: V, limit: int) -> None:
    """Puts the value into a cache that holds the newest `limit` entries."""
    cache.pop(key, None)
    while len(cache) >= limit:
        cache.pop(next(iter(cache)))
    cache[key] = value


@dataclass(frozen=True)
class RegistryServices:
    """Stores, settings and caches of one registry.

    `hashers` are those of the latest uploads; an upload without one has its pieces read once when it is
    finished. `created_ms` is the `created` of image configs, by bucket and digest. With `links`, blobs are
    answered with redirects.
    """

    database: Database
    store: BlobStore
    signer: Signer
    authenticator: Authenticator
    clock: Clock
    limits: Limits
    content_cache: ReadCache
    decision_cache: ReadCache
    # The dialect of requests without a project, and of projects that do not exist.
    registry_kind: RegistryKind = DEFAULT_KIND
    takes_sparse_manifests: bool = False
    creates_repositories: bool = False
    is_open: bool = False
    is_open_to_others: bool = False
    links: UrlSigner | None = None
    hashers: dict[str, Hasher] = field(default_factory=dict)
    created_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    # The reads of each project whose redirection is partial.
    reads: Counter[str] = field(default_factory=Counter)
    # One for each image or blob that is being copied.
    copy_locks: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = field(
        default_factory=WeakValueDictionary
    )

    @cached_property
    def upload_key(self) -> bytes:
        """Returns the key that signs the Locations of uploads."""
        return self.signer.derive_key("upload locations")
