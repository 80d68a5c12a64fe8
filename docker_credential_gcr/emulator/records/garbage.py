"""What nothing needs any more: found by a reader, and deleted by the writer if that is still so.

Both use one and the same condition, so that what a client began to rely on meanwhile stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, select, tuple_

from .schema import (
    blob_links,
    blobs,
    buckets,
    manifest_blobs,
    repositories,
)

_UNNEEDED = (blob_links.c.used_at < bindparam("before")) & ~exists().where(
    blobs.c.id == blob_links.c.blob,
    manifest_blobs.c.repository == blob_links.c.repository,
    manifest_blobs.c.digest == blobs.c.digest,
)
_FIND_LINKS = (
    select(blob_links.c.repository, blob_links.c.blob)
    .where(
        _UNNEEDED,
        tuple_(blob_links.c.repository, blob_links.c.blob)
        > tuple_(bindparam("after_repository"), bindparam("after_blob")),
    )
    .order_by(blob_links.c.repository, blob_links.c.blob)
    .limit(bindparam("count"))
)
_REMOVE_LINK = delete(blob_links).where(
    blob_links.c.repository == bindparam("of_repository"),
    blob_links.c.blob == bindparam("of_blob"),
    _UNNEEDED,
)

_UNLINKED = ~exists().where(blob_links.c.blob == blobs.c.id)
_FIND_UNLINKED = (
    select(blobs.c.id)
    .where(_UNLINKED, blobs.c.id > bindparam("after"))
    .order_by(blobs.c.id)
    .limit(bindparam("count"))
)
_DESCRIBE_UNLINKED = (
    select(blobs.c.id, buckets.c.name, blobs.c.digest, blobs.c.size, blobs.c.data.is_(None).label("is_file"))
    .join(buckets, buckets.c.id == blobs.c.bucket)
    .where(blobs.c.id.in_(bindparam("ids", expanding=True)), _UNLINKED)
)
_REMOVE_BLOBS = delete(blobs).where(blobs.c.id.in_(bindparam("ids", expanding=True)))
_KNOWN = (
    select(blobs.c.digest)
    .join(buckets, buckets.c.id == blobs.c.bucket)
    .where(
        buckets.c.name == bindparam("bucket_name"),
        blobs.c.digest.in_(bindparam("digests", expanding=True)),
        blobs.c.data.is_(None),
    )
)

_NAMED = (
    select(manifest_blobs.c.digest)
    .join(repositories, repositories.c.id == manifest_blobs.c.repository)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(
        buckets.c.name == bindparam("bucket_name"),
        manifest_blobs.c.digest.in_(bindparam("digests", expanding=True)),
    )
)

# (repository, blob), as the rows number them
Link = tuple[int, int]


@dataclass(frozen=True)
class RemovedBlob:
    """A blob whose row is gone; the bytes of one that is a file are still there."""

    bucket: str
    digest: str
    size: int
    is_file: bool


def find_links(connection: Connection, *, before: float, after: Link, count: int) -> list[Link]:
    """Links used last before that instant whose blob no manifest of their repository names."""
    values = {
        "before": int(before),
        "after_repository": after[0],
        "after_blob": after[1],
        "count": count,
    }
    return [(row.repository, row.blob) for row in connection.execute(_FIND_LINKS, values)]


def remove_links(connection: Connection, links: Sequence[Link], *, before: float) -> int:
    """Remove those of the links that are still needed by nothing; how many."""
    values = [{"of_repository": link[0], "of_blob": link[1], "before": int(before)} for link in links]
    return connection.execute(_REMOVE_LINK, values).rowcount


def find_unlinked(connection: Connection, *, after: int, count: int) -> list[int]:
    """Blobs that no repository sees, by id after `after`."""
    return list(connection.execute(_FIND_UNLINKED, {"after": after, "count": count}).scalars())


def remove_unlinked(connection: Connection, ids: Sequence[int]) -> list[RemovedBlob]:
    """Delete the rows of those of the blobs that still no repository sees."""
    rows = connection.execute(_DESCRIBE_UNLINKED, {"ids": ids}).all()
    if rows:
        connection.execute(_REMOVE_BLOBS, {"ids": [row.id for row in rows]})
    return [RemovedBlob(row.name, row.digest, row.size, bool(row.is_file)) for row in rows]


def find_known_files(connection: Connection, bucket: str, digests: Sequence[str]) -> set[str]:
    """Those of `digests` of which a row of the bucket says that their bytes are a file."""
    return set(connection.execute(_KNOWN, {"bucket_name": bucket, "digests": digests}).scalars())


def find_needed_files(connection: Connection, bucket: str, digests: Sequence[str]) -> set[str]:
    """Returns those of `digests` that a row of the bucket says to be a file, or that a manifest of it names.

    A manifest's blob may have lost its row alone: `rebuild` makes another from the file.
    """
    named = connection.execute(_NAMED, {"bucket_name": bucket, "digests": digests}).scalars()
    return find_known_files(connection, bucket, digests) | set(named)
