"""Stored bytes of blobs and uploads, as fsck reads them: files of a data directory, or an object store."""

import asyncio
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import cached_property
from typing import Protocol

from docker_credential_gcr.emulator.maintenance.progress import Progress
from docker_credential_gcr.emulator.maintenance.stored_files import hash_files, list_files
from docker_credential_gcr.emulator.oci.digest import Hasher, format_digest, new_hasher
from docker_credential_gcr.emulator.storage.base import BlobStore
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import Piece

# An object store answers one question in some milliseconds, and many at a time.
_THREADS = 16
# A kind of finding, and its text.
Fault = tuple[str, str]


class StoredBytes(Protocol):
    """Bytes by key."""

    def list_keys(self) -> Sequence[str]:
        """Returns the keys of blobs and uploads, and others next to them, as of the first call."""

    def is_regular(self, key: str, /) -> bool:
        """Returns False for a directory or a FIFO."""

    def exists(self, key: str) -> bool:
        """Returns whether there are bytes under the key now."""

    def find_fault(self, key: str, size: int) -> Fault | None:
        """Returns what is wrong with the bytes of a piece of that size; None if nothing is."""

    def hash(self, pieces: Sequence[Piece], algorithm: str, progress: Progress) -> str:
        """Returns the digest of the joined bytes of the pieces. Raises OSError."""


class Files:
    """The files of a data directory."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    @cached_property
    def _keys(self) -> Sequence[str]:
        return list(list_files(self._store))

    def list_keys(self) -> Sequence[str]:
        """Returns the paths of all files, in order."""
        return self._keys

    def is_regular(self, key: str) -> bool:
        """Returns whether the path is a file, and no directory or FIFO."""
        return self._store.path(key).is_file()

    def exists(self, key: str) -> bool:
        """Returns whether the file is there now."""
        return self._store.path(key).exists()

    def find_fault(self, key: str, size: int) -> Fault | None:
        """Returns why the file is not the piece."""
        try:
            status = self._store.path(key).stat()
        except OSError as error:
            return "missing-bytes", f"{key}: {error.strerror}"
        if not stat.S_ISREG(status.st_mode):
            return "missing-bytes", f"{key}: it is not a regular file"
        return _compare(key, status.st_size, size)

    def hash(self, pieces: Sequence[Piece], algorithm: str, progress: Progress) -> str:
        """Returns the digest of the joined files."""
        (digest,) = hash_files(self._store, (key for key, _ in pieces), [algorithm], progress)
        return digest


class Objects:
    """The objects of a store."""

    def __init__(self, store: BlobStore, progress: Progress) -> None:
        self._store = store
        self._progress = progress

    def list_keys(self) -> Sequence[str]:
        """Returns the keys of all objects; measures them, too."""
        return list(self._sizes)

    @cached_property
    def _sizes(self) -> dict[str, int | None]:
        self._progress.begin("objects")
        keys = list(list_files(self._store))
        self._progress.begin("objects", len(keys))
        sizes: dict[str, int | None] = {}
        with ThreadPoolExecutor(_THREADS) as threads:
            for key, size in zip(keys, threads.map(self._store.size, keys), strict=True):
                sizes[key] = size
                self._progress.advance()
        return sizes

    def is_regular(self, _key: str) -> bool:
        """Returns True: an object is never anything else."""
        return True

    def exists(self, key: str) -> bool:
        """Returns whether the object is there now."""
        return self._store.size(key) is not None

    def find_fault(self, key: str, size: int) -> Fault | None:
        """Returns why the object is not the piece."""
        found = self._sizes.get(key)
        # A piece may be newer than the list, and is lost only if the store says so now.
        if found is None and (found := self._store.size(key)) is None:
            return "missing-bytes", f"{key}: the store does not have it"
        return _compare(key, found, size)

    def hash(self, pieces: Sequence[Piece], algorithm: str, progress: Progress) -> str:
        """Returns the digest of the joined objects. Raises StorageUnavailable, too."""
        hasher = new_hasher(algorithm)
        asyncio.run(_hash_objects(self._store, pieces, hasher, progress))
        return format_digest(algorithm, hasher)


async def _hash_objects(
    store: BlobStore, pieces: Iterable[Piece], hasher: Hasher, progress: Progress
) -> None:
    for key, size in pieces:
        async with aclosing(store.read(key, 0, size)) as blocks:
            async for block in blocks:
                hasher.update(block)
                progress.advance(len(block))


def _compare(key: str, found: int, size: int) -> Fault | None:
    return None if found == size else ("wrong-size", f"{key}: {found} bytes, the row says {size}")
