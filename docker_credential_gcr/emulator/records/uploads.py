"""Uploads in progress: they survive a restart, and each answer moves them to a new location."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from .buckets import Bucket
from .repositories import Repository
from .schema import buckets, repositories, uploads
from .statement import Statement

_FIND = Statement(
    select(
        uploads.c.id,
        uploads.c.location,
        uploads.c.owner,
        uploads.c.size,
        uploads.c.data,
        repositories.c.id.label("repository_id"),
        buckets.c.id.label("bucket_id"),
    )
    .join(repositories, repositories.c.id == uploads.c.repository)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(
        uploads.c.location == bindparam("at"),
        uploads.c.started_at >= bindparam("since"),
        repositories.c.name == bindparam("repository_name"),
        buckets.c.name == bindparam("bucket_name"),
    )
)
_START = Statement(insert(uploads))
_MOVE = Statement(
    update(uploads)
    .where(uploads.c.id == bindparam("upload"), uploads.c.location == bindparam("from"))
    .values(location=bindparam("to"), size=bindparam("new_size"), data=bindparam("new_data"))
)
_END = Statement(delete(uploads).where(uploads.c.id == bindparam("upload")))
_STALE = select(uploads.c.id).where(uploads.c.started_at < bindparam("before"))
_ALL = select(uploads.c.id)
_IN_FILES = _ALL.where(uploads.c.data.is_(None))
_END_LOST = delete(uploads).where(
    uploads.c.id.in_(bindparam("ids", expanding=True)), uploads.c.data.is_(None)
)
_SURVEY = select(func.count(), func.min(uploads.c.started_at))
_COUNT_OF = select(func.count()).where(uploads.c.owner == bindparam("whose"))


@dataclass(frozen=True)
class Upload:
    """An upload of which `size` bytes were acknowledged; `data` is None where they are a file."""

    id: str
    location: str
    owner: str
    size: int
    data: bytes | None


def start(connection: Connection, repository: Repository, upload: Upload, *, now: float) -> None:
    """Begin an upload."""
    values = {
        "id": upload.id,
        "repository": repository.id,
        "location": upload.location,
        "owner": upload.owner,
        "size": upload.size,
        "data": upload.data,
        "started_at": int(now),
    }
    _START.run(connection, values)


def find(
    connection: Connection, location: str, *, bucket_name: str, repository_name: str, since: float
) -> tuple[Repository, Upload] | None:
    """The upload that goes on at `location`, if it is to that repository and began after that instant."""
    values = {
        "at": location,
        "bucket_name": bucket_name,
        "repository_name": repository_name,
        "since": int(since),
    }
    row = _FIND.one(connection, values)
    if row is None:
        return None
    *upload, repository_id, bucket_id = row
    return Repository(repository_id, repository_name, Bucket(bucket_id, bucket_name)), Upload(*upload)


def move(connection: Connection, upload: Upload, moved: Upload) -> bool:
    """Save what arrived and where the upload goes on; False if it ended or went on elsewhere meanwhile."""
    values = {
        "upload": upload.id,
        "from": upload.location,
        "to": moved.location,
        "new_size": moved.size,
        "new_data": moved.data,
    }
    return _MOVE.run(connection, values) > 0


def end(connection: Connection, upload_id: str) -> bool:
    """Forget the upload; False if it had ended."""
    return _END.run(connection, {"upload": upload_id}) > 0


def list_ids(connection: Connection) -> set[str]:
    """The uploads in progress."""
    return set(connection.execute(_ALL).scalars())


def list_in_files(connection: Connection) -> set[str]:
    """The uploads whose bytes are files."""
    return set(connection.execute(_IN_FILES).scalars())


def end_lost(connection: Connection, ids: set[str]) -> int:
    """Forget those of the uploads whose bytes should be files; how many."""
    return connection.execute(_END_LOST, {"ids": sorted(ids)}).rowcount


def survey(connection: Connection) -> tuple[int, int | None]:
    """How many uploads are in progress, and when the oldest of them began."""
    count, oldest = connection.execute(_SURVEY).one()
    return count, oldest


def count_of(connection: Connection, owner: str) -> int:
    """How many uploads in progress are the member's."""
    return int(connection.execute(_COUNT_OF, {"whose": owner}).scalar_one())


def end_stale(connection: Connection, *, before: float) -> list[str]:
    """Forget the uploads that began before that instant; their IDs."""
    stale = list(connection.execute(_STALE, {"before": int(before)}).scalars())
    for upload_id in stale:
        end(connection, upload_id)
    return stale
