"""Copies the rows of images into a SQLite file, all as of one moment: for fsck, and for a dry run of gc.

Both read for as long as they like then, without a transaction, whose snapshot would keep PostgreSQL from
removing old rows. No key or other secret is copied.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table

from docker_credential_gcr.emulator.database import schema

_TABLES = (
    schema.buckets,
    schema.repositories,
    schema.manifests,
    schema.manifest_children,
    schema.manifest_blobs,
    schema.referrers,
    schema.tags,
    schema.blobs,
    schema.blob_links,
    schema.uploads,
    # Last: triggers enter the keys of deleted rows here.
    schema.doomed,
)
# Rows of one answer; those of rows with bytes: a manifest may have 4 MiB.
_BATCH, _SMALL_BATCH = 2000, 50


def copy_image_rows(
    connection: Connection, path: Path, *, outline: bool, advance: Callable[[int], None]
) -> None:
    """Copies the rows into a SQLite database that has the schema and no rows; for the `work` of a scan.

    An outline has none of the bytes of blobs and manifests. `advance` gets the number of rows after some of
    them are copied; an error of it ends the copy.
    """
    source: Any = connection.connection.dbapi_connection
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        # The file is deleted after use: no flush to the disk is worth its time.
        target.execute("PRAGMA synchronous=OFF")
        target.execute("BEGIN")
        for table in _TABLES:
            # The scan may run again, after a lost connection.
            target.execute(f"DELETE FROM {table.name}")  # noqa: S608 - names of the schema
            _copy_table(source, target, table, outline, advance)
        target.execute("COMMIT")


def _copy_table(
    source: Any, target: sqlite3.Connection, table: Table, outline: bool, advance: Callable[[int], None]
) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    bytes_of = [column for column in table.columns if isinstance(column.type, LargeBinary)]
    values = ", ".join(
        f'substr("{column.name}", 1, 0)'
        if outline and any(column is each for each in bytes_of)
        else f'"{column.name}"'
        for column in table.columns
    )
    marks = ", ".join("?" * len(table.columns))
    # A cursor with a name is one of the server: psycopg fetches the rows of any other all at once.
    with source.cursor(name="image_rows") as rows:
        rows.execute(f"SELECT {values} FROM {table.name}")  # noqa: S608 - names of the schema
        while batch := rows.fetchmany(_SMALL_BATCH if bytes_of and not outline else _BATCH):
            target.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", batch)  # noqa: S608
            advance(len(batch))
