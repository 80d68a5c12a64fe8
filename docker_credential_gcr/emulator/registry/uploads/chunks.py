"""Chunks of an upload: received into memory or a piece of the blob store, hashed, and discarded."""

import asyncio
from collections.abc import AsyncIterator, Callable

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import doomed
from docker_credential_gcr.emulator.database.images.uploads import Upload
from docker_credential_gcr.emulator.oci.digest import Hasher, digest_bytes, format_digest, new_hasher
from docker_credential_gcr.emulator.oci.ranges import Span
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices, put_bounded
from docker_credential_gcr.emulator.registry.http import BodyTooLarge
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.storage.pieces import (
    format_pieces,
    list_keys,
    make_key,
    parse_pieces,
    read_pieces,
)

# Up to this size bytes are in the upload's row, which costs less than a file.
_ROW_SIZE = 64 * 1024
# One row lists all of them, and each is a file.
_MOST_PIECES = 10_000
# Bounded, because a client may never finish its upload.
_CACHED_HASHERS = 1024

Check = Callable[[Connection], None]


def list_new_keys(before: Upload, after: Upload) -> list[str]:
    """Returns the key of the piece that a request has added, if any."""
    return list_keys(after.pieces)[-1:] if after.pieces != before.pieces else []


async def receive(
    services: RegistryServices, upload: Upload, chunks: AsyncIterator[bytes], *, check: Check | None = None
) -> Upload:
    """Returns the upload with the bytes of a request; no row refers to a new piece yet.

    `check` is called before a piece is written. Raises what it raises, BodyTooLarge, BodyIncomplete, OSError.
    """
    received = [] if upload.data is None else [upload.data]
    size = sum(map(len, received))
    async for chunk in chunks:
        received.append(chunk)
        size += len(chunk)
        # Not in memory until the last byte has come.
        del chunk
        if size > _ROW_SIZE or upload.data is None:
            return await _write_piece(services, upload, _chain(received, chunks), check)
    if upload.data is None:
        return upload._replace(sequence=upload.sequence + 1)
    return upload._replace(sequence=upload.sequence + 1, size=size, data=b"".join(received))


async def find_digest(services: RegistryServices, upload: Upload, algorithm: str) -> str:
    """Returns the digest of the whole upload; reads the pieces if it is not known."""
    if upload.data is not None:
        return digest_bytes(upload.data, algorithm)
    if algorithm == "sha256" and upload.sha256 is not None:
        return f"sha256:{upload.sha256}"
    hasher = new_hasher(algorithm)
    async for block in read_pieces(services.store, parse_pieces(upload.pieces), Span(0, upload.size)):
        await asyncio.to_thread(hasher.update, block)
    return format_digest(algorithm, hasher)


async def discard(services: RegistryServices, keys: list[str]) -> None:
    """Deletes the bytes of the keys that no row refers to; if this fails, the sweeper does it later.

    Only the database knows which: the transaction of a failed request may have been committed.
    """
    if not keys:
        return
    # Flushed in PostgreSQL: if a crash cost this, a request that is repeated could name what is deleted here.
    condemned = await services.database.write(
        lambda connection: doomed.condemn(connection, keys), durable=services.database.is_remote
    )
    reach("pieces-condemned")
    failed = await asyncio.to_thread(services.store.delete, condemned)
    reach("pieces-deleted")
    deleted = [key for key in condemned if key not in failed]
    await services.database.write(lambda connection: doomed.forget(connection, deleted), durable=False)


async def _write_piece(
    services: RegistryServices, upload: Upload, chunks: AsyncIterator[bytes], check: Check | None
) -> Upload:
    pieces = parse_pieces(upload.pieces)
    if len(pieces) >= _MOST_PIECES:
        raise BodyTooLarge
    key = make_key(upload.id, upload.sequence + 1)
    due_at = services.clock.now() + services.limits.upload_lifetime_s

    def work(connection: Connection) -> None:
        if check is not None:
            check(connection)
        doomed.enter(connection, key, due_at=due_at)

    # An addition: no other request has this key. The object outlives a crash of PostgreSQL, and so must this.
    await services.database.add(work, durable=services.database.is_remote)
    reach("piece-doomed")
    is_known, hasher = _find_hasher(services, upload)
    try:
        size = await services.store.write(key, chunks, hasher)
    except BaseException:
        await discard(services, [key])
        raise
    reach("piece-written")
    whole = size + sum(size for _, size in pieces)
    if is_known:
        put_bounded(services.hashers, upload.id, hasher, _CACHED_HASHERS)
    return upload._replace(
        sequence=upload.sequence + 1,
        size=whole,
        sha256=hasher.hexdigest() if is_known else None,
        data=None,
        pieces=format_pieces([*pieces, (key, size)]),
    )


def _find_hasher(services: RegistryServices, upload: Upload) -> tuple[bool, Hasher]:
    """Returns a hasher for the next piece, and whether it has all bytes before that."""
    if upload.data is not None:  # the new piece begins with these bytes
        return True, new_hasher("sha256")
    hasher = services.hashers.get(upload.id)
    # The cached hasher may have the bytes of a refused request: another one at the same Location, perhaps of
    # another server, was accepted.
    if hasher is None or hasher.hexdigest() != upload.sha256:
        return False, new_hasher("sha256")
    # A copy, because this request may fail.
    return True, hasher.copy()


async def _chain(first: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yields the chunks of `first`, which are taken out of it, and those of `rest`."""
    while first:
        yield first.pop(0)
    async for chunk in rest:
        yield chunk
