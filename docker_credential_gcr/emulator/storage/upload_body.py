"""Body of a multipart upload: blocks that are hashed; obstore takes the next one when it has room for it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator

from docker_credential_gcr.emulator.oci.digest import Hasher

# Large enough to be worth the switch to a thread.
_BLOCK = 128 * 1024
# Smaller ones are hashed in place.
_SMALL_BLOCK = 64 * 1024


class UploadAborted(Exception):
    """The upload was cancelled; obstore, which receives this from the body, aborts the multipart upload."""


async def hash_blocks(chunks: AsyncIterator[bytes], hasher: Hasher) -> AsyncGenerator[bytes, None]:
    """Yields the chunks joined to blocks, each after it was added to the hasher."""
    pending: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pending.append(chunk)
        size += len(chunk)
        if size >= _BLOCK:
            # While a block waits for room, nothing else of it is in memory.
            del chunk
            yield await _hash(_join(pending), hasher)
            size = 0
    if size:
        yield await _hash(_join(pending), hasher)


def _join(chunks: list[bytes]) -> bytes:
    """Takes the chunks out of the list; returns their bytes."""
    block = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    chunks.clear()
    return block


async def _hash(block: bytes, hasher: Hasher) -> bytes:
    if len(block) > _SMALL_BLOCK:
        await asyncio.to_thread(hasher.update, block)
    else:
        hasher.update(block)
    return block


class UploadBody:
    """Asynchronous iterator over the blocks of `first`, which are taken out of it, and those of `rest`."""

    def __init__(self, first: deque[bytes], rest: AsyncIterator[bytes]) -> None:
        self._first = first
        self._rest = rest
        self._taking: asyncio.Future[bytes] | None = None
        self._is_aborted = False
        self.size = 0
        # What ended the body early.
        self.error: BaseException | None = None

    def abort(self) -> None:
        """Ends the body with UploadAborted, also while obstore waits for a block."""
        self._is_aborted = True
        if self._taking is not None:
            self._taking.cancel()

    def __aiter__(self) -> "UploadBody":
        return self

    async def __anext__(self) -> bytes:
        """Returns the next block. Raises UploadAborted, and what `rest` raises."""
        block = await self._take()
        self.size += len(block)
        return block

    async def _take(self) -> bytes:
        try:
            if self._is_aborted:
                raise UploadAborted
            if self._first:
                return self._first.popleft()
            self._taking = asyncio.ensure_future(anext(self._rest))
            return await self._taking
        except StopAsyncIteration:
            raise
        except asyncio.CancelledError:
            self.error = UploadAborted()
            raise self.error from None
        except BaseException as error:
            self.error = error
            raise
        finally:
            self._taking = None
