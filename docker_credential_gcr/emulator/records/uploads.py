"""Uploads in progress: they survive a restart, and each answer moves them to a new location."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from .repositories import Repository
from .schema import uploads

_FIND = select(uploads).where(
    uploads.c.location == bindparam("at"), uploads.c.repository == bindparam("repository_id")
)
_START = insert(uploads)
_MOVE = (
    update(uploads)
    .where(uploads.c.id == bindparam("upload"))
    .values(location=bindparam("to"), size=bindparam("new_size"), data=bindparam("new_data"))
)
_END = delete(uploads).where(uploads.c.id == bindparam("upload"))
_END_STALE = delete(uploads).where(uploads.c.started_at < bindparam("before"))
_ALL = select(uploads.c.id)
_IN_FILES = _ALL.where(uploads.c.data.is_(None))
_END_LOST = delete(uploads).where(
    uploads.c.id.in_(bindparam("ids", expanding=True)), uploads.c.data.is_(None)
)


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


def find(connection: Connection, repository: Repository, location: str) -> Upload | None:
    """The upload that goes on at `location`."""
    row = connection.execute(_FIND, {"at": location, "repository_id": repository.id}).one_or_none()
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


def list_in_files(connection: Connection) -> set[str]:
    """The uploads whose bytes are files."""
    return set(connection.execute(_IN_FILES).scalars())


def end_lost(connection: Connection, ids: set[str]) -> int:
    """Forget those of the uploads whose bytes should be files; how many."""
    return connection.execute(_END_LOST, {"ids": sorted(ids)}).rowcount


def end_stale(connection: Connection, *, before: float) -> int:
    """Forget the uploads that began before that instant; how many."""
    return connection.execute(_END_STALE, {"before": int(before)}).rowcount
