"""A database in a file, for the tests of SQLite's engine."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
        yield database
