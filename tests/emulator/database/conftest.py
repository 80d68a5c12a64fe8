"""A database of each kind, and a project in it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.servers.postgresql import NEEDS
from support.sqlite_files import open_new

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.database.projects.projects import Project


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NEEDS)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        with closing(open_new(tmp_path / "emulator.db")) as database:
            yield database
        return
    # psycopg is in the extra `scale` alone.
    from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database

    with closing(open_database(request.getfixturevalue("database_url"))) as shared:
        yield shared


@pytest.fixture
def project(database: Database) -> Project:
    return database.write_now(lambda connection: projects.create(connection, "my-project", name="", now=1))
