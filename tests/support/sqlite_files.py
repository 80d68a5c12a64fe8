"""The emulator's database, opened by sqlite3, whose own `with` commits and does not close."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.runtime.files import create_private_directory, create_private_file

# Downgrades the tables of revision 0006 to revision 0005.
UNDO_0006 = (
    "ALTER TABLE artifact_repositories DROP COLUMN settings",
    "ALTER TABLE projects DROP COLUMN parent",
    "DROP TABLE blob_hashes",
    "DROP TABLE deleted_accounts",
)


# Downgrades the tables of the present schema to revision 0006, which stores a large blob under its digest.
_UNDO_0007 = (
    *(f"DROP TABLE {table}" for table in ("backlog", "messages", "subscriptions", "topics")),
    *(
        f"DROP TABLE {table}"
        for table in (
            "events",
            "watermarks",
            "leases",
            "webhooks",
            "deliveries",
            "secret_versions",
            "secrets",
        )
    ),
    *(
        f"ALTER TABLE {table} DROP COLUMN {column}"
        for table, columns in (
            ("repositories", ("annotations", "updated_ms")),
            ("manifests", ("annotations", "updated_ms")),
            ("projects", ("registry_kind", "redirection_state", "pull_percent")),
        )
        for column in columns
    ),
    "DROP TABLE keys",
    "DROP TABLE control",
    "DROP TABLE journal",
    "DELETE FROM revisions WHERE subject = 'control'",
    "DROP TRIGGER blobs_dooms",
    "DROP TRIGGER uploads_dooms",
    "ALTER TABLE blobs DROP COLUMN pieces",
    "DROP TABLE doomed",
    "DROP TABLE uploads",
    "CREATE TABLE uploads (id VARCHAR(32) NOT NULL, repository INTEGER NOT NULL, turn INTEGER NOT NULL, "
    "owner VARCHAR NOT NULL, size INTEGER NOT NULL, data BLOB, started_at INTEGER NOT NULL, "
    "PRIMARY KEY (id), FOREIGN KEY(repository) REFERENCES repositories (id) ON DELETE CASCADE) WITHOUT ROWID",
    "UPDATE alembic_version SET version_num = '0006'",
)


def open_new(path: Path) -> SqliteDatabase:
    """Opens a database without rows in a new file, which is a copy: 15 ms less than tables and triggers.

    All have one identity. A test of the creation, and of two databases, opens `SqliteDatabase(path)`.
    """
    create_private_file(path)
    path.write_bytes(_create_once())
    return SqliteDatabase(path)


@cache
def _create_once() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "emulator.db")
        SqliteDatabase(path).close()
        return path.read_bytes()


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Yields a connection; commits its changes and closes it at the end of the block."""
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def ask(path: Path, statement: str, *values: object) -> list[Any]:
    """Returns the rows of a statement."""
    with opened(path) as connection:
        return connection.execute(statement, values).fetchall()


def make_older(data: Path) -> list[Path]:
    """Downgrades a data directory to revision 0006; returns the paths of its large blobs."""
    older = []
    with opened(data / "emulator.db") as connection:
        blobs = "SELECT buckets.name, digest, pieces FROM blobs JOIN buckets ON buckets.id = bucket"
        for bucket, digest, pieces in connection.execute(f"{blobs} WHERE pieces IS NOT NULL").fetchall():
            ((key, _),) = json.loads(pieces)
            algorithm, _, encoded = digest.partition(":")
            path = data / "buckets" / bucket / "containers/images" / algorithm / encoded[:2] / encoded
            create_private_directory(path.parent)
            older.append((data / key).rename(path))
        for statement in _UNDO_0007:
            connection.execute(statement)
    return older


def find_piece(data: Path, digest: str) -> Path:
    """Returns the file of a blob that is one piece."""
    ((pieces,),) = ask(data / "emulator.db", "SELECT pieces FROM blobs WHERE digest = ?", digest)
    ((key, _),) = json.loads(pieces)
    return data / key
