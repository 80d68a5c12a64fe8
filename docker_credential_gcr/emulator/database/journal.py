"""Journal of all workers: a row for each request, as JSON, in the order of arrival."""

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select

from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema.control_state import journal

_ADD = Statement(insert(journal), ["arrived_at", "size", "document"])
_NEWEST = (journal.c.arrived_at.desc(), journal.c.id.desc())
_COUNTED = select(
    journal.c.id,
    func.row_number().over(order_by=_NEWEST).label("number"),
    func.sum(journal.c.size).over(order_by=_NEWEST).label("total"),
).subquery()
_BEYOND = select(_COUNTED.c.id).where(
    or_(_COUNTED.c.number > bindparam("entries"), _COUNTED.c.total > bindparam("bytes"))
)
_PRUNE = Statement(delete(journal).where(journal.c.id.in_(_BEYOND)))
_LIST = Statement(select(journal.c.document).order_by(journal.c.arrived_at, journal.c.id))


def add(connection: Connection, document: str, *, arrived_at: int, size: int) -> None:
    """Adds an entry."""
    _ADD.run(connection, {"arrived_at": arrived_at, "size": size, "document": document})


def prune(connection: Connection, *, entries: int, size: int) -> None:
    """Deletes the oldest entries until at most `entries` are left, of at most `size` together."""
    _PRUNE.run(connection, {"entries": entries, "bytes": size})


def list_all(connection: Connection) -> list[str]:
    """Returns every entry, the oldest first."""
    return [document for (document,) in _LIST.all(connection, {})]
