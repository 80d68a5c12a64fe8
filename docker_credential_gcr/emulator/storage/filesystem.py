"""Filesystem blob store: one file for each key, below the data directory.

`write` calls fsync for the file and its folder before it returns. Deletions are not flushed: after a loss of
power a deleted file may be there again; fsck finds it, gc removes it.
"""

import asyncio
import builtins
import os
import shutil
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from io import FileIO
from pathlib import Path

from docker_credential_gcr.emulator.oci.digest import Hasher
from docker_credential_gcr.emulator.runtime.files import create_private_directory, fsync, open_private

# Hashing and writing run in a thread, in blocks large enough to be worth the switch.
_BLOCK = 512 * 1024
_SMALL_BLOCK = 64 * 1024
# All writes together: while more bytes wait, each write uses the smaller blocks.
_WAITING_SIZE = 32 * 1024 * 1024
# A slow client keeps up to sixteen blocks in memory, so blocks get smaller as more files are read.
_LARGEST_READ = 256 * 1024
_SMALLEST_READ = 4 * 1024
_READ_TOGETHER = 1024 * 1024
# preadv with RWF_NOWAIT (Linux) reads from the page cache only, and never waits for the disk.
_NOWAIT = getattr(os, "RWF_NOWAIT", None)


class FileStore:
    """Files below the directory `root`; a key is a relative path."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # Bytes in memory that are not yet written.
        self.waiting_size = 0
        self._reading = 0

    def measure(self) -> dict[str, float]:
        """Returns the free bytes on the disk."""
        return {"gcr_emulator_storage_free_bytes": shutil.disk_usage(self._root).free}

    async def write(self, key: str, chunks: AsyncIterator[bytes], hasher: Hasher) -> int:
        """Writes a file; hashes and writes each block while the next one arrives."""
        writer = _FileWriter(self, self._root / key, hasher)
        try:
            async for chunk in chunks:
                await writer.append(chunk)
            return await writer.finish()
        except BaseException:
            await writer.abort()
            raise

    async def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yields the file's blocks; reads those that are not in the page cache in a thread."""
        path = self._root / key
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._reading += 1
        try:
            if os.fstat(descriptor).st_size < stop:
                raise OSError(f"{path} is shorter than its piece")
            while start < stop:
                size = min(_LARGEST_READ, max(_SMALLEST_READ, _READ_TOGETHER // self._reading), stop - start)
                if _is_cached(descriptor, start + size - 1):
                    block = os.pread(descriptor, size, start)
                else:
                    block = await asyncio.to_thread(os.pread, descriptor, size, start)
                if not block:
                    raise OSError(f"{path} is shorter than its piece")
                start += len(block)
                yield block
        finally:
            self._reading -= 1
            os.close(descriptor)

    def path(self, key: str) -> Path:
        """Returns the file of the key, which may not exist."""
        return self._root / key

    async def link(self, key: str, lifetime_s: int) -> None:
        """Returns None: files have no URLs."""

    def size(self, key: str) -> int | None:
        """Returns the size of the file; None if there is no regular file."""
        try:
            status = (self._root / key).stat()
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def delete(self, keys: Iterable[str]) -> builtins.list[str]:
        """Deletes the files; a missing one is no error. Returns no keys: a failure is raised."""
        for key in keys:
            (self._root / key).unlink(missing_ok=True)
        return []

    def list(self, prefix: str) -> Iterator[str]:
        """Yields the keys below the folder, in order."""
        for folder, folders, names in os.walk(self._root / prefix):
            folders.sort()
            for name in sorted(names):
                yield (Path(folder) / name).relative_to(self._root).as_posix()


class _FileWriter:
    """One file that is being written, by one thread at a time."""

    def __init__(self, store: FileStore, path: Path, hasher: Hasher) -> None:
        self._store = store
        self._path = path
        self._hasher = hasher
        self._file: FileIO | None = None
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._size = 0
        self._counted = 0
        self._draining: asyncio.Future[None] | None = None

    async def append(self, chunk: bytes) -> None:
        self._pending.append(chunk)
        self._pending_size += len(chunk)
        self._size += len(chunk)
        self._count(len(chunk))
        if self._pending_size >= (_BLOCK if self._store.waiting_size <= _WAITING_SIZE else _SMALL_BLOCK):
            await self._finish_draining()
            self._count(self._pending_size - self._counted)
            self._start_draining(is_last=False)

    async def finish(self) -> int:
        """Writes and flushes the rest; returns the size of the file."""
        await self._finish_draining()
        self._start_draining(is_last=True)
        await self._finish_draining()
        self._count(-self._counted)
        return self._size

    async def abort(self) -> None:
        """Deletes the file, after the thread that writes to it has ended: a thread cannot be cancelled."""
        self._count(-self._counted)
        draining = self._draining
        if draining is None or draining.done():
            self._remove()
        else:
            draining.add_done_callback(self._remove)
            await asyncio.wait([draining])

    def _count(self, size: int) -> None:
        self._counted += size
        self._store.waiting_size += size

    def _start_draining(self, *, is_last: bool) -> None:
        chunks, self._pending, self._pending_size = self._pending, [], 0
        loop = asyncio.get_running_loop()
        self._draining = loop.run_in_executor(None, self._drain, chunks, is_last)

    async def _finish_draining(self) -> None:
        if self._draining is not None:
            await asyncio.shield(self._draining)
            self._draining = None

    def _drain(self, chunks: list[bytes], is_last: bool) -> None:
        if self._file is None:
            self._file = _create(self._path)
        for chunk in chunks:
            self._hasher.update(chunk)
            _write(self._file, chunk)
        if is_last:
            os.fsync(self._file.fileno())
            self._file.close()
            fsync(self._path.parent)

    def _remove(self, draining: "asyncio.Future[None] | None" = None) -> None:
        if draining is not None and not draining.cancelled():
            # asyncio logs an exception that is not retrieved; the request has failed already.
            draining.exception()
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def _create(path: Path) -> FileIO:
    if not path.parent.exists():
        _create_folders(path.parent.parent)
        create_private_directory(path.parent)
    return FileIO(path, "xb", opener=open_private)


def _create_folders(parent: Path) -> None:
    """Creates the folders of all keys at once, because each new folder costs an fsync of its parent."""
    for number in range(256):
        create_private_directory(parent / f"{number:02x}")
    fsync(parent)
    fsync(parent.parent)


def _write(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def _is_cached(descriptor: int, offset: int) -> bool:
    """Returns whether the byte at the offset, and so probably those before it, is in the page cache."""
    if _NOWAIT is None:
        return False
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, _NOWAIT) == 1
    except OSError:  # EAGAIN, or a file system without RWF_NOWAIT
        return False
