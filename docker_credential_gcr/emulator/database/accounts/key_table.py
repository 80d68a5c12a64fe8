"""Key files in the database: the keys of all servers on it, each as the bytes of its file."""

from functools import partial

from sqlalchemy import Connection, bindparam, insert, select

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.schema.keys import keys

_FIND = select(keys.c.content).where(keys.c.name == bindparam("wanted"))
_INSERT = insert(keys)


class KeyTable:
    """The key files in a database. Blocks: for a server's start."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> bytes | None:
        """Returns the content of a file; None if it is absent."""
        return self._database.read_now(partial(_find, name=name))

    def create(self, name: str, content: bytes) -> bytes:
        """Creates a file, unless another server has created it; returns the content that it has then."""
        return self._database.write_now(partial(add, name=name, content=content))

    def locate(self, name: str) -> str:
        """Returns where a file is, for messages."""
        return f"the row {name!r} of the database's table keys"


def add(connection: Connection, *, name: str, content: bytes) -> bytes:
    """Adds a file, unless there is one of that name; returns the content that it has then.

    It must run alone: in a `write`.
    """
    found = _find(connection, name=name)
    if found is None:
        connection.execute(_INSERT, {"name": name, "content": content})
    return content if found is None else found


def _find(connection: Connection, *, name: str) -> bytes | None:
    return connection.execute(_FIND, {"wanted": name}).scalar_one_or_none()
