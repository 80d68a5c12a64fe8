"""A new database next to a store that has bytes of images is refused: it cannot be theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, create_engine, insert

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase
from docker_credential_gcr.emulator.maintenance.database_identity import check_new_database
from docker_credential_gcr.emulator.storage.filesystem import FileStore

PIECE = f"pieces/0f/{'0f' * 16}-1-{'ab' * 8}"
OLDER = f"buckets/artifacts.my-project.appspot.com/containers/images/sha256/ab/{'ab' * 32}"
UPLOAD = {"id": "0f", "repository": 1, "owner": "", "sequence": 1, "size": 1, "started_at": 1}
ROWS = {
    "a blob": (schema.blobs, {"bucket": 1, "digest": "sha256:ab", "size": 1, "created_at": 1}),
    "an upload": (schema.uploads, UPLOAD),
    "a write that has begun": (schema.doomed, {"key": PIECE, "due_at": 1}),
}


@pytest.fixture
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as connection:
        yield connection


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


def put(root: Path, key: str) -> None:
    path = root / key
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bytes")


@pytest.mark.parametrize("key", [PIECE, OLDER], ids=["piece", "blob-of-an-earlier-version"])
@pytest.mark.parametrize("has_schema", [False, True], ids=["no-table", "no-row"])
def test_empty_database_next_to_bytes_is_refused_with_the_ways_out(
    tmp_path: Path, connection: Connection, store: FileStore, has_schema: bool, key: str
) -> None:
    if has_schema:
        schema.metadata.create_all(connection)
    put(tmp_path, key)
    with pytest.raises(UnusableDatabase) as raised:
        check_new_database(connection, store)
    assert str(raised.value) == (
        f"the database has no image, and the store has bytes of images, such as {key}: restore the "
        "database's back-up, or empty the store, or choose another folder in it"
    )


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_database_that_names_bytes_is_used(
    tmp_path: Path, connection: Connection, store: FileStore, row: tuple[Table, dict[str, object]]
) -> None:
    schema.metadata.create_all(connection)
    table, values = row
    connection.execute(insert(table), values)
    put(tmp_path, PIECE)
    check_new_database(connection, store)


@pytest.mark.parametrize("foreign", [None, "pieces/notes", "reports/2026.txt"])
def test_empty_database_next_to_no_bytes_of_images_is_used(
    tmp_path: Path, connection: Connection, store: FileStore, foreign: str | None
) -> None:
    if foreign is not None:
        put(tmp_path, foreign)
    check_new_database(connection, store)
