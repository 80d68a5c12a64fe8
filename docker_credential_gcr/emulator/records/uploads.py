"""Uploads in progress: they survive a restart, and each answer moves them to a new location."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from .repositories import Repository
from .schema import uploads

_FIND = select(uploads).where(
    uploads.c.location == bindparam("at"),
    uploads.c.repository == bindparam("repository_id"),
    uploads.c.started_at >= bindparam("since"),
)
_START = insert(uploads)
_MOVE = (
    update(uploads)
    .where(uploads.c.id == bindparam("upload"))
    .values(location=bindparam("to"), size=bindparam("new_size"), data=bindparam("new_data"))
)
_END = delete(uploads).where(uploads.c.id == bindparam("upload"))
_STALE = select(uploads.c.id).where(uploads.c.started_at < bindparam("before"))
_ALL = select(uploads.c.id)
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
    connection.execute(_START, values)


def find(connection: Connection, repository: Repository, location: str, *, since: float) -> Upload | None:
    """The upload that goes on at `location`, if it began after that instant."""
    values = {"at": location, "repository_id": repository.id, "since": int(since)}
    row = connection.execute(_FIND, values).one_or_none()
    return None if row is None else Upload(row.id, row.location, row.owner, row.size, row.data)


def move(connection: Connection, upload: Upload) -> bool:
    """Save what arrived and where the upload goes on; False if it ended meanwhile."""
    values = {
        "upload": upload.id,
        "to": upload.location,
        "new_size": upload.size,
        "new_data": upload.data,
    }
    return connection.execute(_MOVE, values).rowcount > 0


def end(connection: Connection, upload_id: str) -> bool:
    """Forget the upload; False if it had ended."""
    return connection.execute(_END, {"upload": upload_id}).rowcount > 0


def list_ids(connection: Connection) -> set[str]:
    """The uploads in progress."""
    return set(connection.execute(_ALL).scalars())


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
