"""The SQLite file by itself, as checks and repairs read it: damaged or not, and never migrated."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from sqlite3 import Connection as Connection
from sqlite3 import Row as Row

# A page that makes no sense. Its subclasses tell of other things, such as a table that is missing.
Unreadable = sqlite3.DatabaseError
# What SQLite writes above the faults of one file.
_HEADER = re.compile(r"\*\*\* in database .* \*\*\*|")


def open_database(path: Path) -> contextlib.closing[Connection]:
    """Opens the database for a block, without creating it; rows are read by the names of their columns.

    Raises Unreadable.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.row_factory = Row
    return contextlib.closing(connection)


def checkpoint(path: Path) -> None:
    """Writes the write-ahead log into the database, where SQLite can still read both."""
    with contextlib.suppress(Unreadable), open_database(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def list_faults(connection: Connection, *, quick: bool) -> Iterator[str]:
    """Gives what SQLite finds wrong in the file; a quick look compares no index with its table."""
    for (text,) in connection.execute(f"PRAGMA {'quick_check' if quick else 'integrity_check'}"):
        # One row may hold many faults, a line for each below a header.
        for line in text.split("\n"):
            if line != "ok" and not _HEADER.fullmatch(line):
                yield line


def list_dangling(connection: Connection) -> Iterator[tuple[str, int | None, str]]:
    """Gives each row that points at one that is not there: its table, its number, the other table.

    A table without row numbers has none to tell.
    """
    for table, row_id, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield table, row_id, parent


def interrupt(connection: Connection) -> None:
    """Ends the statement that another thread runs, if the connection is still open."""
    with contextlib.suppress(sqlite3.ProgrammingError):
        connection.interrupt()


def insert(connection: Connection, table: str, values: Mapping[str, object]) -> None:
    """Inserts a row, unless the table has one that it would contradict."""
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    statement = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of the schema
    connection.execute(statement, tuple(values.values()))
