"""The keys of the blob store that no row names: entered before their first byte, deleted when they are due.

    due_at   meaning                                               may a row still name the key?
    > 0      the instant from which the sweeper takes it           yes, `name` takes the entry out
    -1       condemned: the bytes are being deleted, or are gone   no

The ID of an upload that was cancelled before its first byte is such a key too: no row begins under it.
A key is entered in a transaction of its own before its bytes are written, and leaves in the transaction that
names it. Where a row goes, a trigger enters the row's keys again, due at once. The sweeper condemns what is
due, deletes the bytes, and only then the entries, so that what dies in between leaves an entry to find.

Entering need not wait for the disk. A crash of the process loses nothing that was committed; a loss of power
may take the entry and leave a file, which fsck reports and `gc --data` removes. A row that names the key is
committed later in the same log, so it never survives where the entry's removal does not.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from docker_credential_gcr.emulator.database.engine.dialect import format_list, insert, select_listed
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import doomed

CONDEMNED = -1
_ENTER = Statement(insert(doomed), columns=["key", "due_at"])
_LISTED = doomed.c.key.in_(select_listed("keys"))
_NAME = Statement(delete(doomed).where(_LISTED, doomed.c.due_at > 0))
_FIND = Statement(select(doomed.c.key).where(_LISTED))
_CONDEMN = Statement(update(doomed).where(_LISTED).values(due_at=bindparam("condemned")))
_FORGET = Statement(delete(doomed).where(_LISTED))
_DUE = Statement(select(doomed.c.key).where(doomed.c.due_at <= bindparam("now")).limit(bindparam("count")))
_END_WRITES = Statement(update(doomed).where(doomed.c.due_at > 0).values(due_at=bindparam("now")))


def enter(connection: Connection, key: str, *, due_at: float) -> None:
    """Enters a new key; commit it before the first byte is written."""
    _ENTER.run(connection, {"key": key, "due_at": int(due_at)})


def name(connection: Connection, keys: Sequence[str]) -> bool:
    """Takes the keys out, because a row of this transaction names them; False where one was condemned."""
    return not keys or _NAME.run(connection, {"keys": format_list(keys)}) == len(keys)


def condemn(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Lets no row name the keys from now on; returns those that none named before."""
    values = {"keys": format_list(keys)}
    found = [key for (key,) in _FIND.all(connection, values)]
    if found:
        _CONDEMN.run(connection, {**values, "condemned": CONDEMNED})
    return found


def condemn_due(connection: Connection, *, now: float, count: int) -> list[str]:
    """Condemns at most `count` keys that are due, or condemned already; returns them."""
    return condemn(connection, find_due(connection, now=now, count=count))


def find_due(connection: Connection, *, now: float, count: int) -> list[str]:
    """Returns at most `count` keys that are due."""
    return [key for (key,) in _DUE.all(connection, {"now": int(now), "count": count})]


def forget(connection: Connection, keys: Sequence[str]) -> None:
    """Takes out keys when their bytes are deleted."""
    _FORGET.run(connection, {"keys": format_list(keys)})


def end_writes(connection: Connection) -> None:
    """Makes every key due: only for a process that is the only one, before it serves."""
    _END_WRITES.run(connection, {"now": 1})
