"""Storage objects: the blobs of a bucket, which Cloud Storage shows as containers/images/sha256:<hex>."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from docker_credential_gcr.emulator.database.engine.dialect import starts_with
from docker_credential_gcr.emulator.database.schema import blobs

_COLUMNS = (blobs.c.digest, blobs.c.size, blobs.c.created_at)
_PAGE = (
    select(*_COLUMNS)
    .where(
        blobs.c.bucket == bindparam("of_bucket"),
        blobs.c.digest > bindparam("last"),
        starts_with(blobs.c.digest, "prefix"),
    )
    .order_by(blobs.c.digest)
    .limit(bindparam("count"))
)
_ONE = (blobs.c.bucket == bindparam("of_bucket"), blobs.c.digest == bindparam("wanted"))
_FIND = select(*_COLUMNS).where(*_ONE)
_CONTENT = select(blobs.c.data, blobs.c.pieces).where(*_ONE)
_DELETE = delete(blobs).where(*_ONE)


@dataclass(frozen=True)
class StoredObject:
    """A blob, linked to a repository or not; `size` in bytes."""

    digest: str
    size: int
    created_at: int


def list_page(
    connection: Connection, bucket_id: int, *, prefix: str, last: str, count: int
) -> list[StoredObject]:
    """Returns at most `count` blobs of the bucket after the digest `last`, by digest."""
    values = {"of_bucket": bucket_id, "prefix": prefix, "last": last, "count": count}
    return [StoredObject(*row) for row in connection.execute(_PAGE, values)]


def find(connection: Connection, bucket_id: int, digest: str) -> StoredObject | None:
    """Returns the blob of that digest."""
    row = connection.execute(_FIND, {"of_bucket": bucket_id, "wanted": digest}).one_or_none()
    return None if row is None else StoredObject(*row)


def find_content(connection: Connection, bucket_id: int, digest: str) -> tuple[bytes | None, str | None]:
    """Returns (data, pieces) of an existing blob; one of them is None."""
    data, pieces = connection.execute(_CONTENT, {"of_bucket": bucket_id, "wanted": digest}).one()
    return data, pieces


def remove(connection: Connection, bucket_id: int, digest: str) -> None:
    """Deletes the blob and its links; images that need it can no longer be pulled."""
    connection.execute(_DELETE, {"of_bucket": bucket_id, "wanted": digest})
