"""Doomed keys: entered before their bytes are written, then named or condemned, never both."""

from pathlib import Path

import pytest
from sqlalchemy import text
from support.database_reads import reading

from docker_credential_gcr.emulator.database.images import doomed
from docker_credential_gcr.emulator.maintenance.sweeper import sweep
from docker_credential_gcr.emulator.storage.filesystem import FileStore

NOW = 1000
KEYS = [f"pieces/ab/{number}" for number in range(3)]


@pytest.fixture
def store(tmp_path):
    store = FileStore(tmp_path)
    store.path(KEYS[0]).parent.mkdir(parents=True)
    for key in KEYS:
        store.path(key).write_bytes(b"bytes")
    return store


@pytest.fixture
def enter(database):
    """Enters keys that are due at that instant."""

    def make(*keys, due_at=NOW + 1):
        database.write_now(lambda connection: [doomed.enter(connection, key, due_at=due_at) for key in keys])

    return make


def find_all(database):
    with reading(database) as connection:
        return sorted(doomed.find_due(connection, now=2**40, count=100))


def name(database, *keys):
    return database.write_now(lambda connection: doomed.name(connection, keys))


def test_what_a_row_names_is_swept_no_more(database, store, enter):
    enter(*KEYS, due_at=NOW)
    assert name(database, KEYS[0]) is True
    assert sweep(database, store, now=NOW) == [5, 5]
    assert list(store.list("pieces/")) == KEYS[:1]
    assert find_all(database) == []


def test_what_is_not_due_is_left_alone(database, store, enter):
    enter(*KEYS)
    assert sweep(database, store, now=NOW) == []
    assert (find_all(database), list(store.list("pieces/"))) == (KEYS, KEYS)


def test_a_condemned_key_cannot_be_named_whether_its_bytes_are_deleted_or_not(database, store, enter):
    enter(*KEYS)
    condemned = database.write_now(lambda connection: doomed.condemn(connection, KEYS[:1]))
    assert condemned == KEYS[:1]
    assert name(database, KEYS[0]) is False
    assert name(database, *KEYS) is False
    sweep(database, store, now=NOW)
    assert name(database, KEYS[0]) is False


def test_a_named_key_is_not_condemned(database, enter):
    enter(*KEYS)
    name(database, KEYS[0])
    assert sorted(database.write_now(lambda connection: doomed.condemn(connection, KEYS))) == KEYS[1:]


@pytest.mark.parametrize("dies_after", ["condemning", "deleting"])
def test_what_a_sweeper_left_when_it_died_is_swept_by_the_next(database, store, enter, dies_after):
    enter(*KEYS, due_at=NOW)
    database.write_now(lambda connection: doomed.condemn_due(connection, now=NOW, count=100))
    if dies_after == "deleting":
        store.delete(KEYS)
    sweep(database, store, now=0)
    assert (find_all(database), list(store.list("pieces/"))) == ([], [])


class VanishingPath(type(Path())):
    """A file that disappears after its first status: a request deletes its own piece meanwhile."""

    def stat(self, **options):
        status = super().stat(**options)
        self.unlink()
        return status


class VanishingStore(FileStore):
    def path(self, key):
        return VanishingPath(super().path(key))


def test_sweep_succeeds_where_a_request_deletes_its_own_bytes_meanwhile(database, store, enter, tmp_path):
    enter(*KEYS, due_at=NOW)
    assert sweep(database, VanishingStore(tmp_path), now=NOW) == [5, 5, 5]
    assert (find_all(database), list(store.list("pieces/"))) == ([], [])


def test_many_keys_go_in_many_steps(database, store, enter):
    enter(*(f"pieces/cd/{number}" for number in range(250)), due_at=NOW)
    assert sweep(database, store, now=NOW) == []
    assert find_all(database) == []


class RefusingStore(FileStore):
    """A store that deletes the bytes of all keys but one."""

    def delete(self, keys):
        super().delete(key for key in keys if key != KEYS[1])
        return [key for key in keys if key == KEYS[1]]


def test_s12_a_key_whose_bytes_cannot_be_deleted_stays_condemned_and_holds_up_no_other(
    database, store, enter, tmp_path
):
    enter(*KEYS, due_at=NOW)
    assert sweep(database, RefusingStore(tmp_path), now=NOW) == [5, 5]
    assert (find_all(database), list(store.list("pieces/"))) == ([KEYS[1]], [KEYS[1]])
    assert not database.write_now(lambda connection: doomed.name(connection, [KEYS[1]]))
    enter("pieces/cd/later", due_at=NOW)
    assert database.read_now(lambda connection: doomed.find_due(connection, now=NOW, count=2)) == [
        "pieces/cd/later",
        KEYS[1],
    ]
    assert sweep(database, store, now=NOW) == [5]
    assert (find_all(database), list(store.list("pieces/"))) == ([], [])


@pytest.mark.parametrize("owner", ["blobs", "uploads"])
def test_the_pieces_of_a_row_that_goes_are_doomed_whatever_deletes_it(database, store, owner):
    pieces = '[["pieces/ab/0",5],["pieces/ab/1",5]]'
    blob = "INSERT INTO blobs (bucket, digest, size, pieces, created_at) VALUES (1, 'd', 10, :pieces, 0)"
    upload = (
        "INSERT INTO uploads (id, repository, owner, sequence, size, pieces, started_at) "
        "VALUES ('u', 1, 'o', 1, 10, :pieces, 0)"
    )

    def fill(connection):
        for statement in (
            "INSERT INTO projects (id, project_id, number, name, created_at) VALUES (1, 'p', '1', 'p', 0)",
            "INSERT INTO buckets (id, project, name, location, created_at) VALUES (1, 1, 'b', 'US', 0)",
            "INSERT INTO repositories (id, bucket, name) VALUES (1, 1, 'p/r')",
        ):
            connection.exec_driver_sql(statement)
        connection.execute(text(blob if owner == "blobs" else upload), {"pieces": pieces})

    database.write_now(fill)
    assert find_all(database) == []
    # Its blobs, uploads, buckets and repositories are deleted with it.
    database.write_now(lambda connection: connection.exec_driver_sql("DELETE FROM projects"))
    assert find_all(database) == KEYS[:2]
    assert sweep(database, store, now=NOW) == [5, 5]
