"""Doomed keys: keys of the blob store that no row names, which the sweeper deletes when they are due.

    due_at   meaning                                               may a row still name the key?
    > 0      the instant from which the sweeper condemns it        yes, `name` deletes the entry
    -1       condemned: the bytes are being deleted, or are gone   no

The ID of an upload that was cancelled before its first byte is such a key, too: no row can start under it.
A key is entered in a separate transaction before its bytes are written; the transaction that names the key
deletes the entry. When a row is deleted, a trigger enters the row's keys again, due at once. The sweeper
condemns due keys, deletes the bytes, and then the entries: after a crash in between the entry is still there.

In SQLite an entry need not be flushed. A crash of the process loses no commit. A loss of power may lose the
entry and leave a file, which fsck reports and `gc --data` removes. The row that names the key is committed
later in the same log, so it never survives without the deletion of the entry. A crash of PostgreSQL costs
commits that were not flushed, so there an entry is flushed before the first byte is sent to the store, and
the condemnation before the bytes are deleted.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from docker_credential_gcr.emulator.database.engine.dialect import format_list, insert, is_listed
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import doomed

CONDEMNED = -1
_ENTER = Statement(insert(doomed).on_conflict_do_nothing(), columns=["key", "due_at"])
_LISTED = is_listed(doomed.c.key, "keys")
_NAME = Statement(delete(doomed).where(_LISTED, doomed.c.due_at > 0))
_FIND = Statement(select(doomed.c.key).where(_LISTED))
_CONDEMN = Statement(update(doomed).where(_LISTED).values(due_at=bindparam("condemned")))
_FORGET = Statement(delete(doomed).where(_LISTED))
# Condemned keys last: some, whose bytes cannot be deleted, may be there for long.
_DUE = Statement(
    select(doomed.c.key)
    .where(doomed.c.due_at <= bindparam("now"))
    .order_by(doomed.c.due_at.desc())
    .limit(bindparam("count"))
)
_END_WRITES = Statement(update(doomed).where(doomed.c.due_at > 0).values(due_at=bindparam("now")))


def enter(connection: Connection, key: str, *, due_at: float) -> None:
    """Enters a key, unless it is there; commit this before the first byte is written."""
    _ENTER.run(connection, {"key": key, "due_at": int(due_at)})


def name(connection: Connection, keys: Sequence[str]) -> bool:
    """Deletes the entries of keys that a row of this transaction names; returns False if one is condemned."""
    return not keys or _NAME.run(connection, {"keys": format_list(keys)}) == len(keys)


def condemn(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Condemns keys, so that no row can name them; returns those that had an entry."""
    values = {"keys": format_list(keys)}
    found = [key for (key,) in _FIND.all(connection, values)]
    if found:
        _CONDEMN.run(connection, {**values, "condemned": CONDEMNED})
    return found


def condemn_due(connection: Connection, *, now: float, count: int) -> list[str]:
    """Condemns at most `count` keys that are due or condemned; returns them."""
    return condemn(connection, find_due(connection, now=now, count=count))


def find_due(connection: Connection, *, now: float, count: int) -> list[str]:
    """Returns at most `count` keys that are due."""
    return [key for (key,) in _DUE.all(connection, {"now": int(now), "count": count})]


def forget(connection: Connection, keys: Sequence[str]) -> None:
    """Deletes the entries of keys whose bytes are deleted."""
    _FORGET.run(connection, {"keys": format_list(keys)})


def end_writes(connection: Connection) -> None:
    """Makes every key due: only for a process that uses the database alone, before it serves."""
    _END_WRITES.run(connection, {"now": 1})
