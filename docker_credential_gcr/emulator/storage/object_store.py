"""Object blob store: one object for each key, in a bucket of S3 or Cloud Storage, below a folder.

obstore repeats a request that fails, three times within eight seconds. What fails after that is
StorageUnavailable, and counts for the circuit breaker. A body up to 5 MiB is one request that creates the
object; a longer one is a multipart upload of 5 MiB parts, one in flight: a push takes about 6 MiB of memory.
"""

import asyncio
import builtins
import errno
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from docker_credential_gcr.emulator.oci.digest import Hasher
from docker_credential_gcr.emulator.runtime.errors import StorageFull, StorageUnavailable

from .circuit_breaker import CircuitBreaker
from .client_errors import parse_failure
from .upload_body import UploadBody, hash_blocks

if TYPE_CHECKING:
    from obstore.store import GCSStore, S3Store

    Bucket = S3Store | GCSStore

# The least size of a part that S3 accepts.
PART_SIZE = 5 * 1024 * 1024
# Writes at a time, each of which may hold a part in memory; further ones wait.
_WRITES = 64
# As in filesystem.py: a slow client keeps up to sixteen blocks in memory.
_LARGEST_READ = 256 * 1024
_SMALLEST_READ = 4 * 1024
_READ_TOGETHER = 1024 * 1024
# How often in a row a response may break off without a single block.
_BREAKS = 3


class ObjectStore:
    """Objects in a bucket; a key is a name below the folder of the bucket.

    `reads` and `writes` have different time limits; `links` knows the bucket under the host that clients use.
    """

    def __init__(self, *, reads: "Bucket", writes: "Bucket", links: "Bucket") -> None:
        self._reads = reads
        self._writes = writes
        self._links = links
        self._writing = asyncio.Semaphore(_WRITES)
        self._reading = 0
        self.breaker = CircuitBreaker()
        self.failed_deletions = 0
        # Multipart uploads whose parts the store may keep.
        self.failed_aborts = 0

    def measure(self) -> dict[str, float]:
        """Returns whether requests are refused at once, and counts of failures."""
        return {
            "gcr_emulator_object_store_refusing": self.breaker.is_open,
            "gcr_emulator_object_store_errors_total": self.breaker.errors,
            "gcr_emulator_object_store_failed_deletions_total": self.failed_deletions,
            "gcr_emulator_object_store_failed_aborts_total": self.failed_aborts,
        }

    async def write(self, key: str, chunks: AsyncIterator[bytes], hasher: Hasher) -> int:
        """Writes an object; hashes each block before it is sent."""
        first: deque[bytes] = deque()
        size = 0
        async with self._writing, aclosing(hash_blocks(chunks, hasher)) as blocks:
            async for block in blocks:
                first.append(block)
                size += len(block)
                # Nothing refers to a block that is in `first`: obstore frees it when its part is sent.
                del block
                if size > PART_SIZE:
                    return await self._write_parts(key, first, blocks)
            await self._create(key, first, size)
        return size

    async def _create(self, key: str, blocks: Iterable[bytes], size: int) -> None:
        try:
            with self._watch(key):
                creating = obstore.put_async(self._writes, key, blocks, mode="create", use_multipart=False)
                await self._finish(key, asyncio.ensure_future(creating))
        except FileExistsError:
            # A request that obstore has repeated had succeeded: no other body has this key.
            if await asyncio.to_thread(self.size, key) != size:
                raise

    async def _write_parts(self, key: str, first: deque[bytes], rest: AsyncIterator[bytes]) -> int:
        body = UploadBody(first, rest)
        with self._watch(key):
            creating = obstore.put_async(
                self._writes, key, body, use_multipart=True, chunk_size=PART_SIZE, max_concurrency=1
            )
            try:
                await self._finish(key, asyncio.ensure_future(creating), body)
            except BaseError:
                if body.error is None:
                    raise
                # obstore aborts an upload whose body ends early; this is the abort's error.
                self.failed_aborts += 1
                raise body.error from None
        return body.size

    async def _finish(self, key: str, putting: "asyncio.Future[Any]", body: UploadBody | None = None) -> None:
        """Waits for the store's answer; a write that is cancelled meanwhile leaves no object."""
        try:
            await asyncio.shield(putting)
        except asyncio.CancelledError:
            if body is not None:
                body.abort()
            await asyncio.wait([putting])
            error = putting.exception()
            if error is None:
                await asyncio.to_thread(self.delete, [key])
            elif isinstance(error, BaseError) and body is not None:
                self.failed_aborts += 1
            raise

    async def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yields blocks of the object; continues a response that breaks off with another request."""
        breaks = 0
        self._reading += 1
        try:
            while start < stop:
                try:
                    async with aclosing(self._stream(key, start, stop)) as blocks:
                        async for block in blocks:
                            start += len(block)
                            breaks = 0
                            yield block
                    if start < stop:
                        raise _ResponseBroken
                except _ResponseBroken:
                    breaks += 1
                    if breaks > _BREAKS:
                        raise StorageUnavailable from None
        finally:
            self._reading -= 1

    async def _stream(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yields the blocks of one response. Raises _ResponseBroken if it is incomplete."""
        with self._watch(key):
            found = await obstore.get_async(self._reads, key, options={"range": (start, stop)})
        if found.meta["size"] < stop:
            raise OSError(f"{key} is shorter in the object store than its piece")
        size = min(_LARGEST_READ, max(_SMALLEST_READ, _READ_TOGETHER // self._reading))
        try:
            async for chunk in found.stream(min_chunk_size=size):
                view = memoryview(chunk)
                for offset in range(0, len(view), size):
                    yield bytes(view[offset : offset + size])
        except BaseError as error:
            self.breaker.count_failure(parse_failure(error).reason)
            raise _ResponseBroken from None

    def path(self, key: str) -> None:
        """Returns None: there are no files."""

    async def link(self, key: str, lifetime_s: int) -> str:
        """Returns a signed URL, which needs no credential."""
        with self._watch(key):
            url: str = await obstore.sign_async(self._links, "GET", key, timedelta(seconds=lifetime_s))
            return url

    def size(self, key: str) -> int | None:
        """Returns the object's size; None if there is none."""
        try:
            with self._watch(key):
                return obstore.head(self._reads, key)["size"]
        except FileNotFoundError:
            return None

    def delete(self, keys: Iterable[str]) -> builtins.list[str]:
        """Deletes the objects, ten at a time; if that fails, one by one."""
        wanted = list(keys)
        try:
            with self._watch():
                obstore.delete(self._reads, wanted)
        except (OSError, StorageUnavailable):
            wanted = [key for key in wanted if not self._delete_one(key)]
            self.failed_deletions += len(wanted)
            return wanted
        return []

    def _delete_one(self, key: str) -> bool:
        try:
            with self._watch(key):
                obstore.delete(self._reads, key)
        except FileNotFoundError:
            return True
        except (OSError, StorageUnavailable):
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """Yields the keys below the folder, in order."""
        with self._watch():
            for found in obstore.list(self._reads, prefix):
                for meta in found:
                    yield meta["path"]

    @contextmanager
    def _watch(self, key: str = "") -> Iterator[None]:
        """Counts for the circuit breaker, and translates obstore's errors, whose texts may hold a token.

        Raises FileNotFoundError, FileExistsError, StorageFull, StorageUnavailable.
        """
        self.breaker.check()
        try:
            yield
        except FileNotFoundError:
            self.breaker.count_success()
            raise FileNotFoundError(errno.ENOENT, "no such object in the object store", key) from None
        except AlreadyExistsError:
            self.breaker.count_success()
            raise FileExistsError(errno.EEXIST, "such an object is in the object store", key) from None
        except BaseError as error:
            failure = parse_failure(error)
            if failure.is_full:
                raise StorageFull from None
            self.breaker.count_failure(failure.reason, is_outage=failure.is_outage)
            raise StorageUnavailable from None
        else:
            self.breaker.count_success()


class _ResponseBroken(Exception):
    """A response of the store ended before its last byte."""
