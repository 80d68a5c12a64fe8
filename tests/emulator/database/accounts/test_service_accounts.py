"""Service accounts belong to a project, and are deleted with their keys."""

from pathlib import Path

import pytest
from sqlalchemy import Connection
from support.database_reads import reading

from docker_credential_gcr.emulator.database.accounts import service_account_keys as keys
from docker_credential_gcr.emulator.database.accounts import service_accounts
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.projects import projects

EMAIL = "ci@my-project.iam.gserviceaccount.com"


def make(connection: Connection) -> ServiceAccount:
    project = projects.find(connection, "my-project") or projects.create(
        connection, "my-project", name="", now=1
    )
    return service_accounts.create(connection, project, "ci", display_name="CI", now=2.5)


def test_an_account_is_found_by_its_address_and_its_unique_id(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")
    made = database.write_now(make)

    with reading(database) as connection:
        project = projects.find(connection, "my-project")
        assert project is not None
        assert service_accounts.find(connection, EMAIL) == made
        assert service_accounts.find(connection, made.unique_id) == made
        assert service_accounts.list_in(connection, project) == [made]
        assert service_accounts.find(connection, "no@my-project.iam.gserviceaccount.com") is None
        assert service_accounts.find(connection, "1") is None
    assert made == ServiceAccount(made.id, "my-project", EMAIL, made.unique_id, "CI", 2)
    assert (len(made.unique_id), made.unique_id[0]) == (21, "1")
    database.close()


def test_an_account_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")
    database.write_now(make)

    with pytest.raises(AlreadyExists):
        database.write_now(make)
    database.close()


def test_a_removed_account_takes_its_keys_along(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")
    account = database.write_now(make)
    database.write_now(lambda c: keys.add(c, account, "0" * 40, "public", now=3))

    database.write_now(lambda c: service_accounts.remove(c, EMAIL))

    with reading(database) as connection:
        assert service_accounts.find(connection, EMAIL) is None
        assert keys.find(connection, "0" * 40) is None
    database.close()
