"""Policies are found by their resource, and replaced only if the etag is the one that was read."""

from pathlib import Path

import pytest
from support.database_reads import reading

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.errors import Changed
from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.identity.policy import EMPTY, grant

RESOURCE = "projects/my-project"
ONE = grant(EMPTY, "roles/viewer", "user:a@example.com")
TWO = grant(ONE, "roles/viewer", "user:b@example.com")


def test_a_resource_without_a_policy_has_an_empty_one(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")

    with reading(database) as connection:
        assert policies.find(connection, RESOURCE) == EMPTY
        assert policies.list_naming(connection, "user:a@example.com") == []
    database.close()


def test_a_saved_policy_replaces_the_one_before(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")
    database.write_now(lambda c: policies.save(c, RESOURCE, ONE))
    database.write_now(lambda c: policies.save(c, RESOURCE, TWO, etag=ONE.etag))

    with reading(database) as connection:
        assert policies.find(connection, RESOURCE) == TWO
        assert policies.list_naming(connection, "user:a@example.com") == [(RESOURCE, TWO)]
    database.close()


def test_the_etag_of_another_policy_changes_nothing(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "emulator.db")
    database.write_now(lambda c: policies.save(c, RESOURCE, ONE))

    with pytest.raises(Changed):
        database.write_now(lambda c: policies.save(c, RESOURCE, TWO, etag=EMPTY.etag))

    with reading(database) as connection:
        assert policies.find(connection, RESOURCE) == ONE
    database.close()
