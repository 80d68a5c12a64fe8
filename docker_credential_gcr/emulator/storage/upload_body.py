"""Body of a multipart upload: blocks that are hashed, and handed over to obstore one after the other."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from docker_credential_gcr.emulator.oci.digest import Hasher

# Large enough to be worth the switch to a thread.
_BLOCK = 512 * 1024
# Smaller ones are hashed in place.
_SMALL_BLOCK = 64 * 1024


class UploadAborted(Exception):
    """The body is incomplete; obstore, which receives this from the body, aborts the multipart upload."""


async def hash_blocks(chunks: AsyncIterator[bytes], hasher: Hasher) -> AsyncGenerator[bytes, None]:
    """Yields the chunks joined to blocks, each after it was added to the hasher."""
    pending: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pending.append(chunk)
        size += len(chunk)
        if size >= _BLOCK:
            yield await asyncio.to_thread(_join, pending, hasher)
            pending, size = [], 0
    if size > _SMALL_BLOCK:
        yield await asyncio.to_thread(_join, pending, hasher)
    elif size:
        yield _join(pending, hasher)


def _join(chunks: Sequence[bytes], hasher: Hasher) -> bytes:
    block = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    hasher.update(block)
    return block


class UploadBody:
    """Asynchronous iterator, of which obstore takes the next block when it has room for it.

    The blocks of `first` are taken out of it, so that no part is in memory after it was sent.
    """

    def __init__(self, first: deque[bytes]) -> None:
        self.size = sum(map(len, first))
        self._first = first
        self._next: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._is_aborted = False

    async def send(self, block: bytes, receiving: "asyncio.Future[Any]") -> None:
        """Waits until there is room for the block. Raises the error of `receiving` if that ends first."""
        self.size += len(block)
        await self._put(block, receiving)

    async def end(self, receiving: "asyncio.Future[Any]") -> None:
        """Ends the body."""
        await self._put(None, receiving)

    async def _put(self, block: bytes | None, receiving: "asyncio.Future[Any]") -> None:
        putting: asyncio.Future[Any] = asyncio.ensure_future(self._next.put(block))
        try:
            await asyncio.wait([putting, receiving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()
        if receiving.done():
            receiving.result()

    def abort(self) -> None:
        """Makes the next block an UploadAborted, whatever was sent."""
        self._is_aborted = True
        self._first.clear()
        while not self._next.empty():
            self._next.get_nowait()
        self._next.put_nowait(None)

    def __aiter__(self) -> "UploadBody":
        return self

    async def __anext__(self) -> bytes:
        """Returns the next block. Raises UploadAborted."""
        block = self._first.popleft() if self._first else await self._next.get()
        if self._is_aborted:
            raise UploadAborted
        if block is None:
            raise StopAsyncIteration
        return block
