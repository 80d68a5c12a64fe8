"""Control state that tests set, by name, as JSON: every worker reads it, and it ends with the server."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, select

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema.control_state import control, journal

_LOAD = Statement(select(control.c.name, control.c.document))
_FIND = Statement(select(control.c.document).where(control.c.name == bindparam("wanted")))
_INSERT = insert(control)
_SAVE = Statement(
    _INSERT.on_conflict_do_update(index_elements=["name"], set_={"document": _INSERT.excluded.document})
)


def load(connection: Connection) -> dict[str, str]:
    """Returns every document by its name."""
    return dict(_LOAD.all(connection, {}))


def find(connection: Connection, name: str) -> str | None:
    """Returns the document of that name."""
    row = _FIND.one(connection, {"wanted": name})
    return None if row is None else row[0]


def save(connection: Connection, documents: Mapping[str, str]) -> None:
    """Saves each document under its name, in place of the earlier one."""
    for name, document in documents.items():
        _SAVE.run(connection, {"name": name, "document": document})


def clear(connection: Connection) -> None:
    """Deletes every document, and the journal of all workers.

    An empty table is not deleted from: SQLite would write a page, and the disk may be full.
    """
    for table in (control, journal):
        if connection.execute(select(table).limit(1)).first() is not None:
            connection.execute(delete(table))
