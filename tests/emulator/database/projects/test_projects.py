"""Projects have a unique ID and a unique number."""

from pathlib import Path

import pytest
from support.database_reads import reading

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.database.projects.projects import Project


def test_a_project_is_found_by_its_id_and_its_number(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")
    made = database.write_now(lambda c: projects.create(c, "my-project", name="Mine", now=1.5))

    with reading(database) as connection:
        assert projects.find(connection, "my-project") == made
        assert projects.find_by_number(connection, made.number) == made
        assert projects.find(connection, "other-project") is None
        assert projects.find_by_number(connection, "1") is None
    assert made == Project(made.id, "my-project", made.number, "Mine", 1)
    assert (len(made.number), made.number.isdigit()) == (12, True)
    database.close()


def test_projects_are_listed_by_id(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")
    for project_id in ("zebra-1", "alpha-1"):
        database.write_now(lambda c, wanted=project_id: projects.create(c, wanted, name="", now=1))

    with reading(database) as connection:
        assert [project.project_id for project in projects.list_all(connection)] == ["alpha-1", "zebra-1"]
    database.close()


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")
    database.write_now(lambda c: projects.create(c, "my-project", name="", now=1))

    with pytest.raises(AlreadyExists, match=r"^my-project$"):
        database.write_now(lambda c: projects.create(c, "my-project", name="", now=2))
    database.close()
