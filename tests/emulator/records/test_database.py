"""The database's one writer: what is acknowledged is committed, and one caller's failure is its own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select

from docker_credential_gcr.emulator.records.database import Database, IncompatibleDatabase
from docker_credential_gcr.emulator.records.schema import policies


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "emulator.db")
    yield opened
    opened.close()


def add(name):
    return lambda connection: connection.execute(insert(policies).values(resource=name, document="{}"))


def names(database):
    with database.read() as connection:
        return list(connection.execute(select(policies.c.resource).order_by(policies.c.resource)).scalars())


def test_write_returns_what_the_work_returns_once_others_can_see_it(database):
    assert database.write_now(lambda connection: add("a")(connection).rowcount) == 1
    assert names(database) == ["a"]


def test_async_write_is_the_same(database):
    assert asyncio.run(database.write(lambda connection: add("a")(connection).rowcount)) == 1
    assert names(database) == ["a"]


def test_what_a_work_raises_undoes_it_alone(database):
    gate = threading.Event()

    def fail(connection):
        add("undone")(connection)
        raise LookupError("why")

    with ThreadPoolExecutor() as pool:
        # While the first work waits, the others queue, and are committed in one transaction.
        waiting = pool.submit(database.write_now, lambda _: gate.wait(30))
        works = [pool.submit(database.write_now, work) for work in (add("a"), fail, add("b"))]
        gate.set()
        assert waiting.result(30)
        outcomes = [work.exception(30) for work in works]
    assert [type(outcome) for outcome in outcomes] == [type(None), LookupError, type(None)]
    assert names(database) == ["a", "b"]


def test_many_writers_lose_nothing(database):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: database.write_now(add(f"{number:04}")), range(600)))
    assert names(database) == [f"{number:04}" for number in range(600)]


def test_close_finishes_what_is_queued(tmp_path):
    database = Database(tmp_path / "emulator.db")
    writes = [database.submit(add(f"{number:03}")) for number in range(100)]
    database.close()
    assert all(write.exception() is None for write in writes)
    again = Database(tmp_path / "emulator.db")
    assert len(names(again)) == 100
    again.close()


def test_database_of_another_revision_is_refused(tmp_path):
    path = tmp_path / "emulator.db"
    Database(path).close()
    database = Database(path)
    database.write_now(
        lambda connection: connection.exec_driver_sql("update alembic_version set version_num='x'")
    )
    database.close()
    with pytest.raises(IncompatibleDatabase, match="is of revision 'x', this gcr-emulator writes '0003'"):
        Database(path)
