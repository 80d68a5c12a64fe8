"""Checks a data directory: the database by itself, the bytes against it, and it against the bytes.

It reads with sqlite3 alone: what is damaged must be readable as far as it goes, and nothing is changed.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from docker_credential_gcr.emulator.records import schema

from .check_bytes import check_blobs, check_files, check_uploads
from .check_rows import check_database, check_manifests, check_places
from .findings import Finding
from .reading import Checked, Tell, open_database

_CHECKS: tuple[Callable[[Checked], Iterator[Finding]], ...] = (
    check_database,
    check_places,
    check_blobs,
    check_files,
    check_uploads,
    check_manifests,
)


def check(
    root: Path, *, quick: bool = False, sparse: bool = False, tell: Tell | None = None
) -> Iterator[Finding]:
    """Every fault of the data directory, which nobody else may use meanwhile.

    `quick` reads no bytes of blobs; `sparse` lets manifests be incomplete; `tell` is told what is
    being checked and how many of them were.
    """
    try:
        connection = open_database(root / "emulator.db")
        revision = _find_revision(connection)
    except sqlite3.DatabaseError as error:
        yield Finding("damaged-database", "emulator.db", str(error))
        return
    with contextlib.closing(connection):
        if revision != schema.REVISION:
            text = f"it is of revision {revision!r}, this gcr-emulator reads {schema.REVISION!r}"
            yield Finding("damaged-database", "emulator.db", text)
            return
        checked = Checked(connection, root, quick=quick, sparse=sparse, tell=tell or _say_nothing)
        for step in _CHECKS:
            try:
                yield from step(checked)
            except sqlite3.DatabaseError as error:
                yield Finding("damaged-database", "emulator.db", str(error))


def _find_revision(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row["version_num"])


def _say_nothing(_what: str, _count: int) -> None:
    return
