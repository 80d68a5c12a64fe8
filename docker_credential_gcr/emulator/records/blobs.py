"""Blobs: bytes by digest, once in a bucket, seen by the repositories they are linked to."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from .digests import select_digests
from .repositories import Repository
from .schema import blob_links, blobs, buckets, repositories

_MEASURE = select(func.count(), func.coalesce(func.sum(blobs.c.size), 0))
_FIND = (
    select(blobs.c.digest, blobs.c.size, blobs.c.data)
    .join(blob_links, blob_links.c.blob == blobs.c.id)
    .where(blob_links.c.repository == bindparam("repository"), blobs.c.digest == bindparam("digest"))
)
_LINKED = (
    select(blobs.c.digest)
    .join(blob_links, blob_links.c.blob == blobs.c.id)
    .where(
        blob_links.c.repository == bindparam("repository"),
        blobs.c.digest.in_(bindparam("digests", expanding=True)),
    )
)
_IN_BUCKET = (
    select(blobs.c.id)
    .join(buckets, buckets.c.id == blobs.c.bucket)
    .join(blob_links, blob_links.c.blob == blobs.c.id)
    .join(repositories, repositories.c.id == blob_links.c.repository)
    .where(buckets.c.name == bindparam("bucket_name"), blobs.c.digest == bindparam("digest"))
    .limit(1)
)
_IN_REPOSITORY = _IN_BUCKET.where(repositories.c.name == bindparam("repository_name"))
_ADD = insert(blobs).on_conflict_do_nothing()
_LINK = (
    insert(blob_links)
    .from_select(
        ["repository", "blob"],
        select(bindparam("repository", type_=blob_links.c.repository.type), blobs.c.id).where(
            blobs.c.bucket == bindparam("bucket"), blobs.c.digest == bindparam("digest")
        ),
    )
    .on_conflict_do_nothing()
)
_UNLINK = delete(blob_links).where(
    blob_links.c.repository == bindparam("repository_id"),
    blob_links.c.blob.in_(
        select(blobs.c.id).where(blobs.c.bucket == bindparam("bucket"), blobs.c.digest == bindparam("digest"))
    ),
)


@dataclass(frozen=True)
class Blob:
    """A blob of `size` bytes; `data` is None where they are a file of the bucket."""

    digest: str
    size: int
    data: bytes | None


def find(connection: Connection, repository: Repository, digest: str) -> Blob | None:
    """The blob, if it is linked to the repository."""
    row = connection.execute(_FIND, {"repository": repository.id, "digest": digest}).one_or_none()
    return None if row is None else Blob(row.digest, row.size, row.data)


def find_missing(connection: Connection, repository: Repository, digests: set[str]) -> set[str]:
    """Those of `digests` that are not linked to the repository."""
    return digests - select_digests(connection, _LINKED, repository.id, digests)


def is_linked(connection: Connection, bucket: str, digest: str, *, repository: str | None) -> bool:
    """Whether that repository of the bucket sees the blob; whether any does, for None."""
    statement, values = _IN_BUCKET, {"bucket_name": bucket, "digest": digest}
    if repository is not None:
        statement, values["repository_name"] = _IN_REPOSITORY, repository
    return connection.execute(statement, values).first() is not None


def add(connection: Connection, repository: Repository, blob: Blob, *, now: float) -> None:
    """Make the blob known to its bucket and link it to the repository."""
    values = {
        "bucket": repository.bucket.id,
        "digest": blob.digest,
        "size": blob.size,
        "data": blob.data,
        "created_at": int(now),
    }
    connection.execute(_ADD, values)
    link(connection, repository, blob.digest)


def link(connection: Connection, repository: Repository, digest: str) -> None:
    """Let the repository see a blob of its bucket."""
    values = {"repository": repository.id, "bucket": repository.bucket.id, "digest": digest}
    connection.execute(_LINK, values)


def unlink(connection: Connection, repository: Repository, digest: str) -> bool:
    """Hide the blob from the repository; True if it was seen."""
    values = {"repository_id": repository.id, "bucket": repository.bucket.id, "digest": digest}
    return connection.execute(_UNLINK, values).rowcount > 0


def measure(connection: Connection) -> tuple[int, int]:
    """How many blobs there are, once for each bucket, and how many bytes they have."""
    count, size = connection.execute(_MEASURE).one()
    return count, size
