"""SQLite file, opened without schema or migration: fsck and rebuild read it, also where it is damaged."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from sqlite3 import Connection as Connection
from sqlite3 import Row as Row

# A damaged page. Its subclasses report other faults, such as a missing table.
Unreadable = sqlite3.DatabaseError
# The header above the faults of one file.
_HEADER = re.compile(r"\*\*\* in database .* \*\*\*|")


def open_database(path: Path) -> contextlib.closing[Connection]:
    """Opens an existing database for a block; rows can be read by the names of their columns.

    Raises Unreadable.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.row_factory = Row
    return contextlib.closing(connection)


def checkpoint(path: Path) -> None:
    """Moves the write-ahead log into the database, if SQLite can still read both."""
    with contextlib.suppress(Unreadable), open_database(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def list_faults(connection: Connection, *, quick: bool) -> Iterator[str]:
    """Yields the faults that SQLite finds in the file; a quick check compares no index with its table."""
    for (text,) in connection.execute(f"PRAGMA {'quick_check' if quick else 'integrity_check'}"):
        # One row may hold many faults, a line for each below a header.
        for line in text.split("\n"):
            if line != "ok" and not _HEADER.fullmatch(line):
                yield line


def list_dangling(connection: Connection) -> Iterator[tuple[str, int | None, str]]:
    """Yields each row that refers to a missing one: its table, its number, the other table.

    The number is None in a table without row numbers.
    """
    for table, row_id, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield table, row_id, parent


def interrupt(connection: Connection) -> None:
    """Interrupts the statement that another thread runs, if the connection is still open."""
    with contextlib.suppress(sqlite3.ProgrammingError):
        connection.interrupt()


def insert(connection: Connection, table: str, values: Mapping[str, object]) -> None:
    """Inserts a row, unless that violates a constraint of the table."""
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    statement = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of the schema
    connection.execute(statement, tuple(values.values()))
