"""Blobs: bytes by digest, stored once in a bucket, and visible in the repositories that link to them."""

from collections.abc import Set
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, cast, delete, func, select, update

from docker_credential_gcr.emulator.database.engine.dialect import insert, is_listed
from docker_credential_gcr.emulator.database.engine.statement import Statement, find_listed
from docker_credential_gcr.emulator.database.schema import (
    blob_links,
    blobs,
    buckets,
    manifest_blobs,
    repositories,
)
from docker_credential_gcr.emulator.database.schema.columns import NUMBER

from .repositories import Repository

# A blob of a bucket.
_THIS_ONE = (blobs.c.bucket == bindparam("its_bucket"), blobs.c.digest == bindparam("its_digest"))
_ITS_ID = select(blobs.c.id).where(*_THIS_ONE)
# PostgreSQL's sum has another type than what it adds up.
_MEASURE = select(func.count(), cast(func.coalesce(func.sum(blobs.c.size), 0), NUMBER))
_FIND = Statement(
    select(blobs.c.digest, blobs.c.size, blobs.c.data, blob_links.c.used_at, blobs.c.pieces)
    .join(blob_links, blob_links.c.blob == blobs.c.id)
    .where(*_THIS_ONE, blob_links.c.repository == bindparam("its_repository"))
)
_LINKED = Statement(
    select(blobs.c.digest)
    .join(blob_links, blob_links.c.blob == blobs.c.id)
    .where(
        blobs.c.bucket == bindparam("bucket"),
        is_listed(blobs.c.digest, "digests"),
        blob_links.c.repository == bindparam("repository"),
    )
)
_IN_REPOSITORY = (
    select(blobs.c.id)
    .join(buckets, buckets.c.id == blobs.c.bucket)
    .join(blob_links, blob_links.c.blob == blobs.c.id)
    .join(repositories, repositories.c.id == blob_links.c.repository)
    .where(
        buckets.c.name == bindparam("bucket_name"),
        repositories.c.name == bindparam("repository_name"),
        blobs.c.digest == bindparam("digest"),
    )
)
_ADD = Statement(
    insert(blobs).on_conflict_do_nothing(),
    columns=["bucket", "digest", "size", "data", "created_at", "pieces"],
)
_FIND_PIECES = Statement(select(blobs.c.pieces).where(*_THIS_ONE))
_REPLACE_PIECES = Statement(
    update(blobs)
    .where(*_THIS_ONE, blobs.c.pieces == bindparam("old_pieces"))
    .values(pieces=bindparam("new_pieces"))
)
_INSERT_LINK = insert(blob_links).from_select(
    ["repository", "blob", "used_at"],
    select(
        bindparam("its_repository", type_=blob_links.c.repository.type),
        blobs.c.id,
        bindparam("now", type_=blob_links.c.used_at.type),
    ).where(*_THIS_ONE),
)
_LINK = Statement(
    _INSERT_LINK.on_conflict_do_update(
        index_elements=["repository", "blob"], set_={"used_at": _INSERT_LINK.excluded.used_at}
    )
)
_NAMED = (
    select(blobs.c.id)
    .join(repositories, repositories.c.bucket == blobs.c.bucket)
    .join(
        manifest_blobs,
        (manifest_blobs.c.repository == repositories.c.id) & (manifest_blobs.c.digest == blobs.c.digest),
    )
    .where(manifest_blobs.c.manifest == bindparam("manifest_id"))
)
_RENEW = Statement(
    update(blob_links)
    .where(blob_links.c.repository == bindparam("its_repository"), blob_links.c.blob.in_(_ITS_ID))
    .values(used_at=bindparam("now"))
)
_RENEW_NAMED = (
    update(blob_links)
    .where(blob_links.c.repository == bindparam("its_repository"), blob_links.c.blob.in_(_NAMED))
    .values(used_at=bindparam("now"))
)
_UNLINK = Statement(
    delete(blob_links).where(
        blob_links.c.repository == bindparam("its_repository"), blob_links.c.blob.in_(_ITS_ID)
    )
)


class Blob(NamedTuple):
    """A blob of `size` bytes, which are in `data`, or if that is None in the `pieces`, a JSON list.

    `used_at` is when a client last relied on the repository's link to the blob.
    """

    digest: str
    size: int
    data: bytes | None
    used_at: int = 0
    pieces: str | None = None


def find(connection: Connection, repository: Repository, digest: str) -> Blob | None:
    """Returns the blob, if it is linked to the repository."""
    row = _FIND.one(connection, _name(repository, digest))
    return None if row is None else Blob(*row)


def find_missing(connection: Connection, repository: Repository, digests: Set[str]) -> Set[str]:
    """Returns those of `digests` that are not linked to the repository."""
    return digests - find_listed(
        connection, _LINKED, digests, repository=repository.id, bucket=repository.bucket.id
    )


def is_linked(connection: Connection, bucket: str, repository: str, digest: str) -> bool:
    """Returns whether the blob is linked to that repository of the bucket."""
    values = {"bucket_name": bucket, "repository_name": repository, "digest": digest}
    return connection.execute(_IN_REPOSITORY, values).first() is not None


def add(connection: Connection, repository: Repository, blob: Blob, *, now: float) -> bool:
    """Adds the blob and links it to the repository; returns False if the bucket has it: its bytes stay."""
    values = {
        "bucket": repository.bucket.id,
        "digest": blob.digest,
        "size": blob.size,
        "data": blob.data,
        "created_at": int(now),
        "pieces": blob.pieces,
    }
    is_new = _ADD.run(connection, values) > 0
    link(connection, repository, blob.digest, now=now)
    return is_new


def find_pieces(connection: Connection, repository: Repository, digest: str) -> str | None:
    """Returns the pieces of a blob of the repository's bucket; None if it has none."""
    row = _FIND_PIECES.one(connection, _name(repository, digest))
    return row[0] if row else None


def replace_pieces(
    connection: Connection, repository: Repository, digest: str, *, old: str | None, new: str
) -> bool:
    """Replaces the pieces of the blob; returns False if they are no longer the old ones."""
    values = {**_name(repository, digest), "old_pieces": old, "new_pieces": new}
    return _REPLACE_PIECES.run(connection, values) > 0


def link(connection: Connection, repository: Repository, digest: str, *, now: float) -> bool:
    """Links a blob to the repository, or renews the link; returns False if the bucket has no such blob."""
    return _LINK.run(connection, {**_name(repository, digest), "now": int(now)}) > 0


def renew(connection: Connection, repository: Repository, digest: str, *, now: float) -> bool:
    """Delays the collection of a blob that a client relies on; returns False if it is not linked."""
    return _RENEW.run(connection, {**_name(repository, digest), "now": int(now)}) > 0


def renew_named(connection: Connection, repository: Repository, manifest_id: int, *, now: float) -> None:
    """Delays the collection of the blobs of a manifest that is about to be deleted."""
    values = {"its_repository": repository.id, "manifest_id": manifest_id, "now": int(now)}
    connection.execute(_RENEW_NAMED, values)


def unlink(connection: Connection, repository: Repository, digest: str) -> bool:
    """Deletes the repository's link to the blob; returns whether there was one."""
    return _UNLINK.run(connection, _name(repository, digest)) > 0


def measure(connection: Connection) -> tuple[int, int]:
    """Returns the number of blobs, counted once for each bucket, and of their bytes."""
    count, size = connection.execute(_MEASURE).one()
    return count, size


def _name(repository: Repository, digest: str) -> dict[str, object]:
    """Returns the parameters of a statement about one blob of one repository."""
    return {"its_repository": repository.id, "its_bucket": repository.bucket.id, "its_digest": digest}
