"""The blob store on the local disk: a file for each key, below the data directory.

A file is flushed before `write` returns, and so is the folder that names it. What a deletion removed may come
back when the machine loses its power before the disk has heard of it: fsck finds such a file, gc removes it.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from io import FileIO
from pathlib import Path

from docker_credential_gcr.emulator.oci.digest import Hasher
from docker_credential_gcr.emulator.runtime.files import create_private_directory, fsync, open_private

# Hashing and writing leave the event loop in blocks that are worth a thread's hand-over.
_BLOCK = 512 * 1024
_SMALL_BLOCK = 64 * 1024
# Of all writes together; while more waits to be written, each leaves in smaller blocks.
_WAITING_SIZE = 32 * 1024 * 1024
# A slow client holds up to sixteen blocks in memory: the more files are being read, the smaller they are.
_LARGEST_READ = 256 * 1024
_SMALLEST_READ = 4 * 1024
_READ_TOGETHER = 1024 * 1024
# Linux reads without waiting for the disk what it has in memory.
_NOWAIT = getattr(os, "RWF_NOWAIT", None)


class FileStore:
    """The files below a directory; a key is a relative path."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # The bytes that are in memory until they are written.
        self.waiting = 0
        self._reading = 0

    async def write(self, key: str, chunks: AsyncIterator[bytes], hasher: Hasher) -> int:
        """Writes a file; it is hashed and written while the next bytes arrive."""
        writing = _Writing(self, self._root / key, hasher)
        try:
            async for chunk in chunks:
                await writing.append(chunk)
            return await writing.finish()
        except BaseException:
            await writing.abort()
            raise

    async def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Reads a file: in place what is in the page cache, in a thread what is not."""
        path = self._root / key
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._reading += 1
        try:
            if os.fstat(descriptor).st_size < stop:
                raise OSError(f"{path} is shorter than its piece")
            while start < stop:
                size = min(_LARGEST_READ, max(_SMALLEST_READ, _READ_TOGETHER // self._reading), stop - start)
                if _is_in_memory(descriptor, start + size - 1):
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
        """Returns the file of the key, which need not exist."""
        return self._root / key

    def link(self, key: str, lifetime_s: int) -> None:
        """Returns None: no URL leads to a file."""

    def delete(self, keys: Iterable[str]) -> None:
        """Removes the files; one that is not there is no error."""
        for key in keys:
            (self._root / key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[str]:
        """Walks the folder, in order."""
        for folder, folders, names in os.walk(self._root / prefix):
            folders.sort()
            for name in sorted(names):
                yield (Path(folder) / name).relative_to(self._root).as_posix()


class _Writing:
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
        if self._pending_size >= (_BLOCK if self._store.waiting <= _WAITING_SIZE else _SMALL_BLOCK):
            await self._finish_draining()
            self._count(self._pending_size - self._counted)
            self._start_draining(is_last=False)

    async def finish(self) -> int:
        """Has every byte on the disk; returns how many there are."""
        await self._finish_draining()
        self._start_draining(is_last=True)
        await self._finish_draining()
        self._count(-self._counted)
        return self._size

    async def abort(self) -> None:
        """Removes the file, once no thread is writing to it: such a thread cannot be called back."""
        self._count(-self._counted)
        draining = self._draining
        if draining is None or draining.done():
            self._remove()
        else:
            draining.add_done_callback(self._remove)
            await asyncio.wait([draining])

    def _count(self, size: int) -> None:
        self._counted += size
        self._store.waiting += size

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
            draining.exception()  # what went wrong after the request had failed
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def _create(path: Path) -> FileIO:
    if not path.parent.exists():
        _make_folders(path.parent.parent)
        create_private_directory(path.parent)
    return FileIO(path, "xb", opener=open_private)


def _make_folders(parent: Path) -> None:
    """Makes the folders of all keys at once: each name costs a fsync of the folder that holds it."""
    for number in range(256):
        create_private_directory(parent / f"{number:02x}")
    fsync(parent)
    fsync(parent.parent)


def _write(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def _is_in_memory(descriptor: int, offset: int) -> bool:
    """Tells whether the byte at the offset, and so most likely those before it, is in the page cache."""
    if _NOWAIT is None:
        return False
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, _NOWAIT) == 1
    except OSError:  # EAGAIN, or a file system that cannot tell
        return False
