"""Hashes of objects, computed on the first request for them: no push waits for that.

    {"crc32c": "AAAAAA==", "md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg=="}      x-goog-hash: crc32c=…,md5=…

Computed on a thread, for one request at a time. https://cloud.google.com/storage/docs/hashes-etags
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import blob_hashes, storage_objects
from docker_credential_gcr.emulator.database.images.blob_hashes import Hashes
from docker_credential_gcr.emulator.database.images.storage_objects import StoredObject
from docker_credential_gcr.emulator.database.projects.storage_buckets import StorageBucket
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.oci.ranges import Span
from docker_credential_gcr.emulator.storage.pieces import parse_pieces, read_pieces

# Bytes that one list request hashes; it shows other objects without hashes, which a later request adds.
MAX_LISTED = 64 * 1024 * 1024


async def find_hashes(
    services: GoogleServices,
    bucket: StorageBucket,
    found: Iterable[StoredObject],
    *,
    limit: int | None = None,
) -> Mapping[str, Hashes]:
    """Returns the hashes by digest; reads at most `limit` bytes to compute them."""
    wanted = {item.digest: item.size for item in found}
    known = await _find(services, bucket, wanted)
    if len(known) == len(wanted):
        return known
    async with services.hashing:
        # Read again: another request may have computed them.
        known = await _find(services, bucket, wanted)
        for digest, size in wanted.items():
            if digest in known:
                continue
            if limit is not None:
                limit -= size
                if limit < 0:
                    break
            hashes = await _compute(services, bucket, digest)
            if hashes is not None:
                known[digest] = hashes
    return known


def format_hashes(hashes: Hashes | None) -> dict[str, str]:
    """Returns the members of the object's JSON."""
    return {} if hashes is None else {"crc32c": hashes.crc32c, "md5Hash": hashes.md5}


def format_header(hashes: Hashes | None) -> dict[str, str]:
    """Returns the header of a download; no space after the comma, at which clients split it."""
    return {} if hashes is None else {"X-Goog-Hash": f"crc32c={hashes.crc32c},md5={hashes.md5}"}


async def _find(services: GoogleServices, bucket: StorageBucket, digests: Iterable[str]) -> dict[str, Hashes]:
    return await services.database.read(lambda connection: blob_hashes.find(connection, bucket.id, digests))


async def _compute(services: GoogleServices, bucket: StorageBucket, digest: str) -> Hashes | None:
    """Computes and stores an object's hashes; returns None if its bytes were deleted."""

    def work(connection: Connection) -> tuple[int, bytes | None, str | None] | None:
        found = storage_objects.find(connection, bucket.id, digest)
        if found is None:
            return None
        return found.size, *storage_objects.find_content(connection, bucket.id, digest)

    content = await services.database.read(work)
    if content is None:
        return None
    size, data, pieces = content
    try:
        if data is not None:
            hashes = await _hash(_yield(data))
        else:
            hashes = await _hash(read_pieces(services.store, parse_pieces(pieces), Span(0, size)))
    except FileNotFoundError:
        return None
    # An addition: two requests compute the same hashes.
    await services.database.add(lambda connection: blob_hashes.add(connection, bucket.id, digest, hashes))
    return hashes


async def _yield(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _hash(blocks: AsyncIterator[bytes]) -> Hashes:
    # Imported here: only requests for hashes need it.
    import google_crc32c

    crc32c, md5 = 0, hashlib.md5(usedforsecurity=False)

    def update(block: bytes) -> int:
        md5.update(block)
        return int(google_crc32c.extend(crc32c, block))

    async for block in blocks:
        crc32c = await asyncio.to_thread(update, block)
    return Hashes(*(base64.b64encode(value).decode() for value in (crc32c.to_bytes(4, "big"), md5.digest())))
