"""Uploads in progress: they survive a restart, and each answer gives the turn to another location."""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from .buckets import Bucket
from .repositories import Repository
from .schema import buckets, repositories, uploads
from .statement import Statement

_FIND = Statement(
    select(
        uploads.c.id,
        uploads.c.turn,
        uploads.c.owner,
        uploads.c.size,
        uploads.c.data,
        repositories.c.id.label("repository_id"),
        buckets.c.id.label("bucket_id"),
    )
    .join(repositories, repositories.c.id == uploads.c.repository)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(
        uploads.c.id == bindparam("upload"),
        uploads.c.turn == bindparam("its_turn"),
        uploads.c.started_at >= bindparam("since"),
        repositories.c.name == bindparam("repository_name"),
        buckets.c.name == bindparam("bucket_name"),
    )
)
_START = Statement(insert(uploads))
_MOVE = Statement(
    update(uploads)
    .where(uploads.c.id == bindparam("upload"), uploads.c.turn == bindparam("its_turn"))
    .values(turn=uploads.c.turn + 1, size=bindparam("new_size"), data=bindparam("new_data"))
)
_END = Statement(delete(uploads).where(uploads.c.id == bindparam("upload")))
_STALE = select(uploads.c.id).where(uploads.c.started_at < bindparam("before"))
_ALL = select(uploads.c.id)
_IN_FILES = _ALL.where(uploads.c.data.is_(None))
_END_LOST = delete(uploads).where(
    uploads.c.id.in_(bindparam("ids", expanding=True)), uploads.c.data.is_(None)
)
_SURVEY = Statement(select(func.count(), func.min(uploads.c.started_at)))
# Written in one way only, and small enough for SQLite.
_TURN = re.compile(r"0|[1-9][0-9]{0,15}")
_COUNT_OF = select(func.count()).where(uploads.c.owner == bindparam("whose"))


@dataclass(frozen=True)
class Upload:
    """An upload of which `size` bytes were acknowledged; `data` is None where they are a file."""

    id: str
    turn: int
    owner: str
    size: int
    data: bytes | None

    @property
    def location(self) -> str:
        """The last segment of the one URL at which the upload goes on."""
        return f"{self.id}-{self.turn}"


def start(connection: Connection, repository: Repository, upload: Upload, *, now: float) -> None:
    """Begin an upload."""
    values = {
        "id": upload.id,
        "repository": repository.id,
        "turn": upload.turn,
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
    upload_id, _, turn = location.partition("-")
    if not _TURN.fullmatch(turn):
        return None
    values = {
        "upload": upload_id,
        "its_turn": int(turn),
        "bucket_name": bucket_name,
        "repository_name": repository_name,
        "since": int(since),
    }
    row = _FIND.one(connection, values)
    if row is None:
        return None
    *upload, repository_id, bucket_id = row
    return Repository(repository_id, repository_name, Bucket(bucket_id, bucket_name)), Upload(*upload)


def move(connection: Connection, upload: Upload, *, size: int, data: bytes | None) -> Upload | None:
    """The upload with what arrived, and its next turn; None if it ended or went on elsewhere meanwhile."""
    values = {"upload": upload.id, "its_turn": upload.turn, "new_size": size, "new_data": data}
    if not _MOVE.run(connection, values):
        return None
    return Upload(upload.id, upload.turn + 1, upload.owner, size, data)


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
    ((count, oldest),) = _SURVEY.all(connection, {})
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
