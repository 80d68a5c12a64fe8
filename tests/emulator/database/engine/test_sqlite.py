"""Database with one writer: acknowledged writes are committed, and an error fails one caller only."""

import asyncio
import errno
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DatabaseError
from support.database_reads import reading

from docker_credential_gcr.emulator.database.engine import wal as log_file
from docker_credential_gcr.emulator.database.engine.errors import IncompatibleDatabase
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.read_cache import ReadCache
from docker_credential_gcr.emulator.database.schema import REVISION, buckets, policies, projects, repositories


def add(name):
    return lambda connection: connection.execute(insert(policies).values(resource=name, document="{}"))


def list_names(connection):
    return list(connection.execute(select(policies.c.resource).order_by(policies.c.resource)).scalars())


def names(database):
    with reading(database) as connection:
        return list_names(connection)


def test_write_returns_what_the_work_returns_once_others_can_see_it(database):
    assert database.write_now(lambda connection: add("a")(connection).rowcount) == 1
    assert names(database) == ["a"]


@pytest.mark.parametrize("verb", ["write", "add"])
@pytest.mark.parametrize("durable", [True, False])
def test_write_and_addition_on_an_event_loop_are_the_same(database, verb, durable):
    def add_and_fail(connection):
        add("b")(connection)
        raise LookupError("why")

    run = getattr(database, verb)
    assert asyncio.run(run(lambda connection: add("a")(connection).rowcount, durable=durable)) == 1
    with pytest.raises(LookupError, match="why"):
        asyncio.run(run(add_and_fail, durable=durable))
    assert names(database) == ["a"]


def lock(path):
    """Yields the connection of another program that holds the lock of the database."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    return holder


def test_z24_a_write_waits_for_another_programs_lock_while_reads_continue(database, tmp_path):
    database.write_now(add("a"))
    with closing(lock(tmp_path / "emulator.db")) as holder:

        async def write_and_read():
            writing = asyncio.ensure_future(database.write(add("b")))
            # Until the writer waits for the lock.
            while not database._writer._wait_until:
                await asyncio.sleep(0)
            seen = names(database)
            holder.execute("COMMIT")
            await writing
            return seen

        assert asyncio.run(write_and_read()) == ["a"]
    assert names(database) == ["a", "b"]
    assert database._writer._wait_until is None


def test_z24_a_write_is_refused_once_the_lock_was_waited_for_in_vain(tmp_path):
    with closing(SqliteDatabase(tmp_path / "emulator.db", lock_wait_s=0.0)) as database:
        with closing(lock(tmp_path / "emulator.db")):
            for _ in range(2):
                with pytest.raises(sqlite3.OperationalError, match="database is locked"):
                    asyncio.run(database.write(add("a")))
            with pytest.raises(sqlite3.OperationalError, match="database is locked"):
                database.write_now(add("a"))
        asyncio.run(database.write(add("b")))
        assert names(database) == ["b"]


def test_what_a_work_raises_undoes_it_alone_among_those_of_its_transaction(database):
    def fail(connection):
        add("undone")(connection)
        raise LookupError("why")

    async def write_all():
        writes = [database.write(work) for work in (add("a"), fail, add("b"))]
        return await asyncio.gather(*writes, return_exceptions=True)

    before = database.version()
    outcomes = asyncio.run(write_all())
    assert database.version() == before + 1
    assert [isinstance(outcome, LookupError) for outcome in outcomes] == [False, True, False]
    assert names(database) == ["a", "b"]


def grow(connection):
    """Writes more than the database may grow, as on a full disk: the statement fails."""
    ((pages,),) = connection.exec_driver_sql("PRAGMA page_count").all()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    connection.execute(insert(policies).values(resource="much", document="x" * 100_000))


def leave_dangling(connection):
    """Violates a deferred constraint, so that COMMIT fails, as on a disk that is full by then."""
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    connection.execute(insert(repositories).values(bucket=99, name="dangling"))


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("fail", [grow, leave_dangling], ids=["B-Z26-statement", "B-Z26-commit"])
def test_write_that_the_database_refuses_fails_alone_among_those_of_its_transaction(database, fail, count):
    def touch(connection):
        return connection.exec_driver_sql("SELECT 1").scalar_one()

    async def write_all():
        works = [touch, *[fail] * count, add("a"), touch, add("b")]
        return await asyncio.gather(*map(database.write, works), return_exceptions=True)

    first, *failed, _, last, _ = asyncio.run(write_all())
    assert (first, last, names(database)) == (1, 1, ["a", "b"])
    assert [isinstance(error, (DatabaseError, sqlite3.DatabaseError)) for error in failed] == [True] * count


def test_works_that_come_one_by_one_while_others_are_served_are_one_transaction(database):
    async def write_later(name, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        await database.write(add(name))

    async def write_all():
        await asyncio.gather(
            *(write_later(name, turns) for turns, name in zip((0, 4, 9), "abc", strict=True))
        )

    before = database.version()
    asyncio.run(write_all())
    assert (database.version() - before, names(database)) == (1, ["a", "b", "c"])


def test_write_fails_that_cannot_be_flushed_and_the_next_one_does_not(database, monkeypatch):
    async def write(name):
        return await database.write(add(name))

    def refuse(_descriptor):
        raise OSError(errno.EIO, "the disk is broken")

    with monkeypatch.context() as broken:
        broken.setattr(log_file, "_sync_data", refuse)
        with pytest.raises(OSError, match="the disk is broken"):
            asyncio.run(write("a"))
    asyncio.run(write("b"))
    assert "b" in names(database)


def test_what_the_only_work_of_a_transaction_raises_undoes_it(database):
    def fail(connection):
        add("undone")(connection)
        raise LookupError("why")

    with pytest.raises(LookupError, match="why"):
        database.write_now(fail)
    with pytest.raises(LookupError, match="why"):
        asyncio.run(database.write(fail))
    database.write_now(add("a"))
    assert names(database) == ["a"]


def test_event_loop_reads_what_another_thread_has_not_committed_as_it_was(database):
    begun, gate = threading.Event(), threading.Event()

    def work(connection):
        add("a")(connection)
        begun.set()
        assert gate.wait(30)

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(database.write_now, work)
        assert begun.wait(30)
        before = names(database)
        gate.set()
        writing.result(30)
    assert (before, names(database)) == ([], ["a"])


def test_write_that_was_cancelled_is_done_and_harms_no_other(database):
    async def cancel_one():
        given_up = asyncio.ensure_future(database.write(add("a")))
        await asyncio.sleep(0)
        given_up.cancel()
        await database.write(add("b"))
        assert given_up.cancelled()

    asyncio.run(cancel_one())
    assert names(database) == ["a", "b"]


@pytest.mark.parametrize("durable", [True, False])
def test_writes_of_threads_and_of_an_event_loop_wait_for_each_other(database, durable):
    async def write_all():
        await asyncio.gather(
            *(database.write(add(f"loop-{number:03}"), durable=durable) for number in range(300)),
            *(asyncio.to_thread(database.write_now, add(f"thread-{number:03}")) for number in range(300)),
        )

    asyncio.run(write_all())
    assert len(names(database)) == 600


def test_z13_scans_run_one_by_one_while_the_event_loop_continues(database):
    async def main():
        running, together, served = 0, [], asyncio.Event()
        loop = asyncio.get_running_loop()

        def work(connection):
            nonlocal running
            running += 1
            together.append(running)
            # The event loop is free: it runs this while the scan waits.
            asyncio.run_coroutine_threadsafe(serve(), loop).result(30)
            running -= 1
            return connection.execute(select(policies.c.resource)).scalars().all()

        async def serve():
            served.set()

        await database.write(add("a"))
        found = await asyncio.gather(*(database.scan(work) for _ in range(3)))
        return found, together, served.is_set()

    assert asyncio.run(main()) == ([["a"]] * 3, [1] * 3, True)


def test_many_writers_lose_nothing(database):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: database.write_now(add(f"{number:04}")), range(600)))
    assert names(database) == [f"{number:04}" for number in range(600)]


def test_close_finishes_what_is_queued(tmp_path):
    database = SqliteDatabase(tmp_path / "emulator.db")

    async def close_at_once():
        writes = [asyncio.ensure_future(database.write(add(f"{number:03}"))) for number in range(600)]
        await asyncio.sleep(0)
        database.close()
        await asyncio.gather(*writes)

    asyncio.run(close_at_once())
    again = SqliteDatabase(tmp_path / "emulator.db")
    assert len(names(again)) == 600
    again.close()


def test_version_changes_with_the_commits_of_other_processes(tmp_path):
    here, elsewhere = (SqliteDatabase(tmp_path / "emulator.db", shared=True) for _ in range(2))
    before = here.version()
    assert here.version() == before
    elsewhere.write_now(add("a"))
    assert here.version() != before
    here.close()
    elsewhere.close()


@pytest.mark.parametrize("shared", [True, False])
def test_access_version_changes_only_with_what_decides_about_access(tmp_path, shared):
    database = SqliteDatabase(tmp_path / "emulator.db", shared=shared)

    def is_told(work):
        before = database.access_version()
        database.write_now(work)
        return database.access_version() > before

    project = insert(projects).values(project_id="p", number="1", name="p", created_at=0)
    bucket = insert(buckets).values(project=1, name="b", location="US", created_at=0)
    repository = insert(repositories).values(bucket=1, name="p/app")
    changes = [project, bucket, repository, update(repositories).values(name="p/b"), delete(projects)]
    told = [is_told(lambda connection, change=change: connection.execute(change)) for change in changes]
    assert told == [True, True, False, False, True]
    database.close()


def fail(_connection):
    raise LookupError("why")


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("subject", ["version", "access_version"])
@pytest.mark.parametrize("together", [1, 2], ids=["alone", "with-another"])
@pytest.mark.parametrize("undo", [fail, leave_dangling], ids=["work-fails", "commit-fails"])
@pytest.mark.parametrize("looks", [True, False], ids=["looked-up-since", "not-looked-up-since"])
def test_memory_never_keeps_what_a_write_saw_and_did_not_commit(
    tmp_path, shared, subject, together, undo, looks
):
    database = SqliteDatabase(tmp_path / "emulator.db", shared=shared)
    cache = ReadCache(database.read, getattr(database, subject))

    def read():
        # Run without an event loop, as in the function of a write: reads of SQLite never wait.
        with pytest.raises(StopIteration) as ended:
            cache.read("names", list_names, measure=lambda _: 0).send(None)
        return ended.value.value

    def change_and_undo(connection):
        add("undone")(connection)
        seen.append(read())
        undo(connection)

    async def write_all():
        works = [change_and_undo, add("other")][:together]
        await asyncio.gather(*map(database.write, works), return_exceptions=True)
        if looks:
            seen.append(read())
        # As many changes as were rolled back.
        await database.write(add("a"))
        return read()

    seen = []
    others = ["other"][: together - 1]
    assert asyncio.run(write_all()) == ["a", *others]
    assert seen[-1] == (others if looks else [])
    assert [each for each in seen if "undone" in each] == []
    database.close()


def test_access_version_that_a_write_reads_is_that_of_the_last_commit(database):
    before = database.access_version()

    def change_and_read(connection):
        add("a")(connection)
        return database.access_version()

    assert database.write_now(change_and_read) == before
    assert database.access_version() > before


def test_database_of_another_revision_is_refused(tmp_path):
    path = tmp_path / "emulator.db"
    SqliteDatabase(path).close()
    database = SqliteDatabase(path)
    database.write_now(
        lambda connection: connection.exec_driver_sql("update alembic_version set version_num='x'")
    )
    database.close()
    with pytest.raises(
        IncompatibleDatabase, match=f"is of revision 'x', this gcr-emulator writes '{REVISION}'"
    ):
        SqliteDatabase(path)
