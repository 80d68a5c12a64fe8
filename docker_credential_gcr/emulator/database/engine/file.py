"""The SQLite file by itself, as checks and repairs read it: damaged or not, and never migrated."""

import contextlib
import sqlite3
from pathlib import Path
from sqlite3 import Connection as Connection
from sqlite3 import Row as Row

# A page that makes no sense. Its subclasses tell of other things, such as a table that is missing.
Unreadable = sqlite3.DatabaseError


def open_database(path: Path) -> Connection:
    """Opens the database without creating it; rows are read by the names of their columns.

    Raises Unreadable.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.row_factory = Row
    return connection


def checkpoint(path: Path) -> None:
    """Writes the write-ahead log into the database, where SQLite can still read both."""
    with contextlib.suppress(Unreadable), contextlib.closing(open_database(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def interrupt(connection: Connection) -> None:
    """Ends the statement that another thread runs, if the connection is still open."""
    with contextlib.suppress(sqlite3.ProgrammingError):
        connection.interrupt()
