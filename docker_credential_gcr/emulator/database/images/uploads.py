"""Uploads in progress: each has a row from its first bytes on, and a new Location after each request."""

import re
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, func, select, update

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import buckets, doomed, repositories, uploads

_CONTENT = ("sequence", "size", "sha256", "data", "pieces")
# A cancelled upload without a row is doomed by its ID.
_CANCELLED = exists().where(doomed.c.key == bindparam("upload"))
_PLACE = (
    repositories.c.name == bindparam("repository_name"),
    buckets.c.name == bindparam("bucket_name"),
)
_THIS_ONE = (uploads.c.id == bindparam("upload"), uploads.c.sequence == bindparam("its_sequence"))
_FIND = Statement(
    select(*(uploads.c[name] for name in _CONTENT))
    .join(repositories, repositories.c.id == uploads.c.repository)
    .join(buckets, buckets.c.id == repositories.c.bucket)
    .where(*_THIS_ONE, uploads.c.owner == bindparam("its_owner"), *_PLACE)
)
_IS_KNOWN = Statement(select(exists().where(uploads.c.id == bindparam("upload")) | _CANCELLED))
_COLUMNS = ("id", "owner", *_CONTENT, "started_at")
_START = Statement(
    insert(uploads)
    .from_select(
        ["repository", *_COLUMNS],
        select(
            repositories.c.id, *(bindparam(f"its_{name}", type_=uploads.c[name].type) for name in _COLUMNS)
        )
        .join(buckets, buckets.c.id == repositories.c.bucket)
        # By name: the repository's row number may belong to another one meanwhile.
        .where(*_PLACE, ~_CANCELLED),
    )
    .on_conflict_do_nothing()
)
_MOVE = Statement(
    update(uploads).where(*_THIS_ONE).values({name: bindparam(f"new_{name}") for name in _CONTENT})
)
_END = Statement(delete(uploads).where(*_THIS_ONE))
_STALE = uploads.c.started_at < bindparam("before")
_FIND_STALE = select(func.count()).where(_STALE)
_END_STALE = delete(uploads).where(_STALE)
_PIECES = select(uploads.c.id, uploads.c.pieces).where(uploads.c.pieces.is_not(None))
_END_LOST = delete(uploads).where(uploads.c.id.in_(bindparam("ids", expanding=True)))
_RECENT = uploads.c.started_at >= bindparam("since")
_COUNT, _COUNT_OF = (
    Statement(
        select(func.count()).select_from(
            select(uploads.c.id).where(*which).limit(bindparam("most")).subquery()
        )
    )
    for which in ((_RECENT,), (_RECENT, uploads.c.owner == bindparam("its_owner")))
)
# An ID is a part of the keys of its pieces, and ends with the second in which the upload started.
_ID = re.compile(r"[0-9a-f]{32}")
_SECOND_DIGITS = 10


class Upload(NamedTuple):
    """An upload of which `size` bytes were acknowledged.

    The bytes are in `data`, or if that is None in the `pieces`, a JSON list. While `sequence` is 0 there are
    no bytes and no row. `sha256` is the digest of the bytes in hex, None if it is not known.
    """

    id: str
    owner: str
    sequence: int = 0
    size: int = 0
    sha256: str | None = None
    data: bytes | None = b""
    pieces: str | None = None

    @property
    def started_at(self) -> int:
        """Returns the instant in the ID; 0 for a malformed ID."""
        return int(self.id[-_SECOND_DIGITS:], 16) if _ID.fullmatch(self.id) else 0


def format_id(name: str, now: float) -> str:
    """Returns the ID of an upload that starts now; `name` has 22 random digits."""
    return f"{name}{int(now):0{_SECOND_DIGITS}x}"


def find(connection: Connection, upload: Upload, *, bucket_name: str, repository_name: str) -> Upload | None:
    """Returns the stored upload of that repository; None unless it has that owner and sequence."""
    values = {
        "upload": upload.id,
        "its_sequence": upload.sequence,
        "its_owner": upload.owner,
        "bucket_name": bucket_name,
        "repository_name": repository_name,
    }
    row = _FIND.one(connection, values)
    return None if row is None else Upload(upload.id, upload.owner, *row)


def start(connection: Connection, upload: Upload, *, bucket_name: str, repository_name: str) -> bool:
    """Stores a new upload; returns False if it is stored or cancelled, or its repository is deleted."""
    values = {"upload": upload.id, "repository_name": repository_name, "bucket_name": bucket_name}
    values |= {f"its_{name}": getattr(upload, name) for name in _COLUMNS}
    return _START.run(connection, values) > 0


def can_begin(connection: Connection, upload: Upload) -> bool:
    """Returns whether the upload has no row and was not cancelled."""
    row = _IS_KNOWN.one(connection, {"upload": upload.id})
    return row is not None and not row[0]


def move(connection: Connection, upload: Upload) -> bool:
    """Stores the upload after one more request; returns False if another request came first."""
    values = {"upload": upload.id, "its_sequence": upload.sequence - 1}
    values |= {f"new_{name}": getattr(upload, name) for name in _CONTENT}
    return _MOVE.run(connection, values) > 0


def end(connection: Connection, upload: Upload) -> bool:
    """Deletes the row, if any, which dooms its pieces; returns False if another request came first."""
    if upload.sequence == 0:
        return can_begin(connection, upload)
    return _END.run(connection, {"upload": upload.id, "its_sequence": upload.sequence}) > 0


def count(connection: Connection, *, since: float, most: int, owner: str | None = None) -> int:
    """Returns how many uploads started since that instant, of the member or of all; at most `most`."""
    statement = _COUNT if owner is None else _COUNT_OF
    row = statement.one(connection, {"since": int(since), "most": most, "its_owner": owner})
    return int(row[0]) if row else 0


def count_stale(connection: Connection, *, before: float) -> int:
    """Returns how many uploads started before that instant."""
    return int(connection.execute(_FIND_STALE, {"before": int(before)}).scalar_one())


def end_stale(connection: Connection, *, before: float) -> int:
    """Deletes uploads that started before that instant, which dooms their pieces; returns their number."""
    return connection.execute(_END_STALE, {"before": int(before)}).rowcount


def list_pieces(connection: Connection) -> dict[str, str]:
    """Returns the pieces of the uploads that have any, by upload ID."""
    return {row.id: row.pieces for row in connection.execute(_PIECES)}


def end_lost(connection: Connection, upload_ids: list[str]) -> int:
    """Deletes those uploads; returns their number."""
    return connection.execute(_END_LOST, {"ids": upload_ids}).rowcount
