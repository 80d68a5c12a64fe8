"""Uploads in progress: they survive a restart, and each answer gives the turn to another location."""

import re
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

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
# The repository of an upload that was begun, and whose turn it is if it has a row.
_FIND_BEGUN = Statement(
    select(repositories.c.id, buckets.c.id.label("bucket_id"), uploads.c.turn)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .outerjoin(uploads, uploads.c.id == bindparam("upload"))
    .where(
        repositories.c.name == bindparam("repository_name"),
        buckets.c.name == bindparam("bucket_name"),
    )
)
_COLUMNS = ("id", "turn", "owner", "size", "data", "started_at")
_START = Statement(
    insert(uploads)
    .from_select(
        ["repository", *_COLUMNS],
        select(
            repositories.c.id, *(bindparam(f"its_{name}", type_=uploads.c[name].type) for name in _COLUMNS)
        )
        .join(buckets, buckets.c.id == repositories.c.bucket)
        .where(
            # By name: an id may have been given to another repository meanwhile.
            repositories.c.name == bindparam("repository_name"),
            buckets.c.name == bindparam("bucket_name"),
        ),
    )
    .on_conflict_do_nothing()
)
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
_SECOND_DIGITS = 8
_COUNT_OF = select(func.count()).where(uploads.c.owner == bindparam("whose"))


class Upload(NamedTuple):
    """An upload of which `size` bytes were acknowledged; `data` is None where they are a file.

    One that is not kept has no row, and no bytes.
    """

    id: str
    turn: int
    owner: str
    size: int
    data: bytes | None
    is_kept: bool = True

    @property
    def began_at(self) -> int:
        """The instant that its ID names."""
        return int(self.id[-_SECOND_DIGITS:], 16)


def format_id(name: str, now: float) -> str:
    """The ID of an upload that begins now."""
    return f"{name}{int(now):0{_SECOND_DIGITS}x}"


def start(connection: Connection, repository: Repository, upload: Upload) -> bool:
    """Keep an upload; False where it is kept already, or its repository is gone."""
    values = {
        "repository_name": repository.name,
        "bucket_name": repository.bucket.name,
        "its_id": upload.id,
        "its_turn": upload.turn,
        "its_owner": upload.owner,
        "its_size": upload.size,
        "its_data": upload.data,
        "its_started_at": upload.began_at,
    }
    return _START.run(connection, values) > 0


def find_begun(
    connection: Connection, upload: Upload, *, bucket_name: str, repository_name: str
) -> tuple[Repository, Upload] | None:
    """The upload as it is kept, or as given where it is not, and its repository; None where it went on."""
    values = {"upload": upload.id, "bucket_name": bucket_name, "repository_name": repository_name}
    row = _FIND_BEGUN.one(connection, values)
    if row is None or row[2]:
        return None
    repository_id, bucket_id, turn = row
    kept = upload if turn is None else upload._replace(is_kept=True)
    return Repository(repository_id, repository_name, Bucket(bucket_id, bucket_name)), kept


def find(
    connection: Connection,
    upload_id: str,
    turn: str,
    *,
    bucket_name: str,
    repository_name: str,
    since: float,
) -> tuple[Repository, Upload] | None:
    """The upload if it is that turn's, is to that repository, and began after that instant."""
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
