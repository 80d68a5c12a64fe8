"""Journal: its rows are written if possible, and no request fails without them."""

import asyncio
from contextlib import closing

import pytest
from support.database_reads import reading
from support.sqlite_files import opened

from docker_credential_gcr.emulator.control.journal import write_if_possible
from docker_credential_gcr.emulator.database import control_documents
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase


@pytest.fixture
def database(tmp_path):
    with closing(SqliteDatabase(tmp_path / "emulator.db", lock_wait_s=0.0)) as database:
        yield database


def save(connection):
    control_documents.save(connection, {"clock": "[5, 0.0]"})
    return True


def test_write_if_possible_returns_what_was_done(database):
    assert asyncio.run(write_if_possible(database.write, save)) is True
    with reading(database) as connection:
        assert control_documents.load(connection) == {"clock": "[5, 0.0]"}


def test_write_if_possible_gives_up_where_another_program_holds_the_lock(database, tmp_path):
    with opened(tmp_path / "emulator.db") as other:
        other.execute("BEGIN IMMEDIATE")
        assert asyncio.run(write_if_possible(database.write, save)) is None
    with reading(database) as connection:
        assert control_documents.load(connection) == {}


def test_write_if_possible_raises_what_the_work_raises(database):
    def fail(_):
        raise LookupError("no such row")

    with pytest.raises(LookupError, match="no such row"):
        asyncio.run(write_if_possible(database.write, fail))
