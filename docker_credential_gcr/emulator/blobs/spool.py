"""Bytes in flight: hashed as they arrive; in memory while they are few, in a file from then on."""

import asyncio
from io import FileIO
from pathlib import Path

from docker_credential_gcr.emulator.oci.digest import Hasher, format_digest, new_hasher
from docker_credential_gcr.emulator.private_directory import open_private

# Creating a file costs more than a row of this size.
SMALL = 64 * 1024
# Hashing and writing leave the event loop in blocks that are worth a thread's hand-over.
_BLOCK = 512 * 1024
_READ = 1024 * 1024
# Of all uploads together; while more waits to be written, each leaves in smaller blocks.
_WAITING_SIZE = 32 * 1024 * 1024


class Spool:
    """The bytes of one upload so far; its file is in the folder, under that name.

    `size` counts them. `data` is what a row should hold: the bytes, or None once they are in the file.
    """

    # The bytes of all spools that are in memory until they are written.
    _waiting = 0

    def __init__(self, folder: Path, name: str, data: bytes = b"") -> None:
        # Joined when there is a file: to join two paths takes as long as to hash a small blob.
        self._folder, self._name = folder, name
        self._hasher: Hasher = new_hasher("sha256")
        self._hasher.update(data)
        self._small = data
        self._spilled = False
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._counted = 0
        self._draining: asyncio.Future[None] | None = None
        self.size = len(data)

    @classmethod
    def resume(cls, folder: Path, name: str, size: int) -> "Spool":
        """Go on after the first `size` bytes of the file; blocks on the disk.

        Raises FileNotFoundError where the file is gone or shorter than that.
        """
        spool = cls(folder, name)
        path = spool._path
        spool.size = size
        spool._spilled = True
        # Whatever follows was never acknowledged.
        with path.open("r+b") as file:
            if file.seek(0, 2) < size:
                raise FileNotFoundError(path)
            file.truncate(size)
        _hash_file(path, spool._hasher)
        return spool

    @property
    def _path(self) -> Path:
        return self._folder / self._name

    @property
    def data(self) -> bytes | None:
        """The bytes while they are few, else None."""
        return None if self._spilled else self._small

    async def append(self, chunk: bytes) -> None:
        """Take more bytes; they are hashed and written while the next ones arrive. Raises OSError."""
        self._pending.append(chunk)
        self._pending_size += len(chunk)
        self.size += len(chunk)
        self._count(len(chunk))
        if self._pending_size >= (_BLOCK if Spool._waiting <= _WAITING_SIZE else SMALL):
            await self._finish_draining()
            self._count(self._pending_size - self._counted)
            self._start_draining()

    async def settle(self) -> None:
        """Have every byte hashed, and in `data` or handed to the operating system. Raises OSError.

        Whoever has called `append` must call this, whatever happens: a thread may be at work.
        """
        try:
            await self._finish_draining()
            if self._spilled or self.size > SMALL:
                self._start_draining()
                await self._finish_draining()
            else:
                block = b"".join(self._take())
                self._hasher.update(block)
                self._small += block
        finally:
            self._count(-self._counted)

    async def digest(self, algorithm: str) -> str:
        """The digest of every byte; call `settle` first."""
        if algorithm == "sha256":
            return format_digest(algorithm, self._hasher)
        hasher = new_hasher(algorithm)
        if self._spilled:
            await asyncio.to_thread(_hash_file, self._path, hasher)
        else:
            hasher.update(self._small)
        return format_digest(algorithm, hasher)

    def _count(self, size: int) -> None:
        self._counted += size
        Spool._waiting += size

    def _take(self) -> list[bytes]:
        chunks, self._pending, self._pending_size = self._pending, [], 0
        return chunks

    def _start_draining(self) -> None:
        chunks = self._take()
        if chunks or not self._spilled:
            self._draining = asyncio.get_running_loop().run_in_executor(None, self._drain, chunks)

    async def _finish_draining(self) -> None:
        draining, self._draining = self._draining, None
        if draining is not None:
            # A thread cannot be called back: who is cancelled waits for it all the same.
            await asyncio.shield(draining)

    def _drain(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._hasher.update(chunk)
        with FileIO(self._path, "ab" if self._spilled else "wb", opener=open_private) as file:
            for block in (self._small, *chunks):
                _write(file, block)
        self._small = b""
        self._spilled = True


def _write(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def _hash_file(path: Path, hasher: Hasher) -> None:
    with path.open("rb") as file:
        while block := file.read(_READ):
            hasher.update(block)
