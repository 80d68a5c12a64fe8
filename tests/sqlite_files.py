"""The emulator's database seen from outside. sqlite3's own `with` commits, and closes nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

# Brings the tables of the present schema back to revision 0005.
UNDO_0006 = (
    "DROP TABLE control",
    "DROP TABLE journal",
    "DELETE FROM revisions WHERE subject = 'control'",
    "ALTER TABLE artifact_repositories DROP COLUMN settings",
    "ALTER TABLE projects DROP COLUMN parent",
    "DROP TABLE blob_hashes",
    "DROP TABLE deleted_accounts",
)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection, whose changes are committed and which is closed at the end of the block."""
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def ask(path: Path, statement: str, *values: object) -> list[Any]:
    """The rows that a statement gives."""
    with opened(path) as connection:
        return connection.execute(statement, values).fetchall()
