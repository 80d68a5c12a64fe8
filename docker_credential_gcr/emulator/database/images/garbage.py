"""Garbage: links and blobs that nothing needs, found by a read and deleted by a write.

Both check the same condition, so that a blob that a client relies on meanwhile stays.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, tuple_

from docker_credential_gcr.emulator.database.engine.dialect import has_row, insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import blob_links, blobs, manifest_blobs, revisions

_UNNEEDED = (blob_links.c.used_at < bindparam("before")) & ~has_row(
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

_UNLINKED = ~has_row(blob_links.c.blob == blobs.c.id)
_FIND_UNLINKED = (
    select(blobs.c.id)
    .where(_UNLINKED, blobs.c.id > bindparam("after"))
    .order_by(blobs.c.id)
    .limit(bindparam("count"))
)
_MEASURE_UNLINKED = select(blobs.c.id, blobs.c.size).where(
    blobs.c.id.in_(bindparam("ids", expanding=True)), _UNLINKED
)
_REMOVE_BLOBS = delete(blobs).where(blobs.c.id.in_(bindparam("ids", expanding=True)))

# The row of `revisions` with the instant of the last collection of any server. A clock that was set back does
# not stop collections.
_LAST = "collected"
_NEW = insert(revisions)
_BEGIN = Statement(
    _NEW.on_conflict_do_update(
        index_elements=[revisions.c.subject],
        set_={"number": _NEW.excluded.number},
        where=(revisions.c.number <= bindparam("due_since")) | (revisions.c.number > _NEW.excluded.number),
    ),
    columns=["subject", "number"],
)

# (repository, blob): the numbers of their rows
Link = tuple[int, int]


def find_links(connection: Connection, *, before: float, after: Link, count: int) -> list[Link]:
    """Returns links last used before that instant whose blob no manifest of their repository names."""
    values = {
        "before": int(before),
        "after_repository": after[0],
        "after_blob": after[1],
        "count": count,
    }
    return [(row.repository, row.blob) for row in connection.execute(_FIND_LINKS, values)]


def remove_links(connection: Connection, links: Sequence[Link], *, before: float) -> int:
    """Deletes those of the links that nothing needs still; returns their number."""
    values = [{"of_repository": link[0], "of_blob": link[1], "before": int(before)} for link in links]
    return connection.execute(_REMOVE_LINK, values).rowcount


def find_unlinked(connection: Connection, *, after: int, count: int) -> list[int]:
    """Returns blobs without a link, by id after `after`."""
    return list(connection.execute(_FIND_UNLINKED, {"after": after, "count": count}).scalars())


def remove_unlinked(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Deletes those of the blobs that have no link still; returns their sizes."""
    rows = connection.execute(_MEASURE_UNLINKED, {"ids": ids}).all()
    if rows:
        connection.execute(_REMOVE_BLOBS, {"ids": [row.id for row in rows]})
    return [row.size for row in rows]


def begin(connection: Connection, *, now: float, interval_s: float) -> bool:
    """Records that a collection begins; returns False if any server began one within the interval."""
    values = {"subject": _LAST, "number": int(now), "due_since": int(now - interval_s)}
    return _BEGIN.run(connection, values) > 0
