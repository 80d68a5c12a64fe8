"""Blob store interface: bytes are written once, each time under a new key, and deleted.

A key is never written twice, and nothing is renamed, appended to or truncated, because an object store cannot
do that. The database lists the keys of each blob.
"""

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from docker_credential_gcr.emulator.oci.digest import Hasher


class UnusableStore(Exception):
    """The object store cannot be used; the message says why, and holds no secret."""


class BlobStore(Protocol):
    """Immutable bytes by key, such as pieces/ab/….

    Each implementation passes tests/emulator/storage/test_conformance.py.
    """

    async def write(self, key: str, chunks: AsyncIterator[bytes], hasher: Hasher) -> int:
        """Writes the bytes, adds them to the hasher, and returns their size once they are durable.

        Raises OSError, StorageFull, StorageUnavailable. After any failure nothing is left under the key,
        unless the store does not answer, and the hasher must not be used.
        """

    def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yields the bytes from `start` to `stop`. Raises OSError if some are missing, StorageUnavailable."""

    def path(self, key: str) -> Path | None:
        """Returns the local file of the key, which may not exist; None if the store has no files."""

    async def link(self, key: str, lifetime_s: int) -> str | None:
        """Returns a URL that serves the bytes for that many seconds; None if the store has no URLs.

        Raises StorageUnavailable.
        """

    def size(self, key: str) -> int | None:
        """Returns the number of bytes; None without any. Blocks. Raises OSError, StorageUnavailable."""

    def delete(self, keys: Iterable[str]) -> builtins.list[str]:
        """Deletes the bytes of the keys; a key without bytes is no error.

        Returns the keys whose bytes may still be there. Blocks. Raises OSError.
        """

    def list(self, prefix: str) -> Iterator[str]:
        """Yields the keys below the folder `prefix`, which ends with /. Blocks. Raises StorageUnavailable."""

    def measure(self) -> dict[str, float]:
        """Returns what /metrics shows of the store, by the names of metrics. Raises OSError."""
