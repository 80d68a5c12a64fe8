"""A database in a file, and a project in it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.database.projects.projects import Project


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
        yield database


@pytest.fixture
def project(database: Database) -> Project:
    return database.write_now(lambda connection: projects.create(connection, "my-project", name="", now=1))
