"""Long-running operations of Google APIs: each is done at once, and stored a day for clients that poll."""

from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from docker_credential_gcr.emulator.database.schema import operations

RETENTION_S = 24 * 3600

_INSERT = insert(operations)
_FIND = select(operations.c.document).where(
    operations.c.name == bindparam("wanted"), operations.c.member == bindparam("owner")
)
_DELETE = delete(operations).where(operations.c.created_at < bindparam("before"))


def add(connection: Connection, document: dict[str, Any], *, member: str, now: float) -> None:
    """Stores an operation, by its `name`, for the member that requested it; deletes expired operations."""
    connection.execute(_DELETE, {"before": int(now) - RETENTION_S})
    values = {
        "name": document["name"],
        "member": member,
        "document": document,
        "created_at": int(now),
    }
    connection.execute(_INSERT, values)


def find(connection: Connection, name: str, *, member: str) -> dict[str, Any] | None:
    """Returns the operation of that name, if it is the member's."""
    return connection.execute(_FIND, {"wanted": name, "owner": member}).scalar_one_or_none()
