"""Snapshots: copies of the database in a separate file, made while other connections write."""

import contextlib
import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, LargeBinary

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.runtime.files import create_private_file, fsync


def save(connection: Connection, path: Path) -> None:
    """Copies the database into the file, whole or not at all; blocks on the disk, but blocks no writer.

    Reads every page that is in use: a damaged database never replaces a good copy.
    """
    temporary = path.with_name(f".{path.name}.part")
    # A crash may have left one.
    temporary.unlink(missing_ok=True)
    try:
        create_private_file(temporary)
        # https://www.sqlite.org/lang_vacuum.html#vacuum_with_an_into_clause: the file may exist if empty
        connection.exec_driver_sql("VACUUM INTO ?", (str(temporary),))
        fsync(temporary)
        reach("snapshot-written")
        os.replace(temporary, path)
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def save_outline(source: Path, target: Path) -> None:
    """Copies every row of a database into another, empty one, without the bytes of blobs and manifests.

    All rows are of one moment; no writer waits.
    """
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS source", (str(source),))
        connection.execute("BEGIN")
        for table in schema.metadata.sorted_tables:
            names = ", ".join(column.name for column in table.columns)
            values = ", ".join(
                f"substr({column.name}, 1, 0)" if isinstance(column.type, LargeBinary) else column.name
                for column in table.columns
            )
            connection.execute(f"DELETE FROM main.{table.name}")  # noqa: S608 - names of the schema
            connection.execute(
                f"INSERT INTO main.{table.name} ({names}) SELECT {values} FROM source.{table.name}"  # noqa: S608
            )
        connection.execute("COMMIT")
