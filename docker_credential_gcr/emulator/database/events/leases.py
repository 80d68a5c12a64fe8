"""Leases: what one process of all may do at a time. They end by real time, of the database's clock.

A holder that was stopped for longer than its lease finds out with `is_held`, in the transaction of what it
would record: another process has the lease then.
"""

from sqlalchemy import Connection, bindparam, delete, select

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import leases

_NEW = insert(leases)
_ACQUIRE = Statement(
    _NEW.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": _NEW.excluded.holder, "until_ms": _NEW.excluded.until_ms},
        where=(leases.c.until_ms <= bindparam("now_ms")) | (leases.c.holder == _NEW.excluded.holder),
    ),
    ["name", "holder", "until_ms"],
)
_HELD = Statement(
    select(leases.c.until_ms).where(
        leases.c.name == bindparam("name"), leases.c.holder == bindparam("holder")
    )
)
_RELEASE = Statement(
    delete(leases).where(leases.c.name == bindparam("of_name"), leases.c.holder == bindparam("of_holder"))
)
# With a condition: SQLite writes a page for a DELETE of all rows, also if there are none.
_END_ALL = Statement(delete(leases).where(leases.c.until_ms > 0), [])


def acquire(connection: Connection, name: str, holder: str, *, now: float, lifetime_s: float) -> bool:
    """Takes or renews a lease; returns False while another holder has it."""
    now_ms = int(now * 1000)
    values = {"name": name, "holder": holder, "now_ms": now_ms, "until_ms": now_ms + int(lifetime_s * 1000)}
    return _ACQUIRE.run(connection, values) > 0


def is_held(connection: Connection, name: str, holder: str) -> bool:
    """Returns whether no other holder has taken the lease since."""
    return _HELD.one(connection, {"name": name, "holder": holder}) is not None


def release(connection: Connection, name: str, holder: str) -> None:
    """Ends the lease, if that holder has it."""
    _RELEASE.run(connection, {"of_name": name, "of_holder": holder})


def end_all(connection: Connection) -> None:
    """Ends every lease: for a database that no process uses yet, where a killed one has left its own."""
    _END_ALL.run(connection, {})
