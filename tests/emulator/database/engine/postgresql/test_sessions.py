"""PostgreSQL's sessions: what is run again, what is refused, and which writes run side by side."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Connection, text
from support.servers.postgresql import NEEDS, running_cluster

from docker_credential_gcr.emulator.database.engine.postgresql.connections import connect_engine
from docker_credential_gcr.emulator.database.engine.postgresql.database import PostgresDatabase
from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database
from docker_credential_gcr.emulator.database.engine.postgresql.sessions import Session
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable, StorageFull

pytestmark = NEEDS

Work = Callable[[Connection], Any]


@pytest.fixture
def database(database_url: str) -> Iterator[PostgresDatabase]:
    database = open_database(database_url)
    yield database
    database.close()


def driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def add_row(name: str) -> Work:
    return lambda connection: connection.execute(
        text("INSERT INTO doomed (key, due_at) VALUES (:key, 1)"), {"key": name}
    )


def list_rows(database: PostgresDatabase) -> list[str]:
    return database.read_now(
        lambda connection: list(connection.execute(text("SELECT key FROM doomed ORDER BY key")).scalars())
    )


def once(error: Callable[[Connection], None], work: Work) -> tuple[Work, list[int]]:
    """Returns work that fails with the error in its first run, and the list of its runs."""
    runs: list[int] = []

    def run(connection: Connection) -> Any:
        runs.append(len(runs))
        result = work(connection)
        if len(runs) == 1:
            error(connection)
        return result

    return run, runs


def end_backend(connection: Connection) -> None:
    """Kills the connection's own process, as an administrator does."""
    driver(connection).execute("SELECT pg_terminate_backend(pg_backend_pid())")


def raises(error: Exception) -> Callable[[Connection], None]:
    def fail(_connection: Connection) -> None:
        raise error

    return fail


TRANSIENT = {
    "its connection is ended": end_backend,
    "its connection is lost": raises(psycopg.OperationalError("the connection is lost")),
    "a conflict": raises(errors.SerializationFailure()),
    "a deadlock": raises(errors.DeadlockDetected()),
    "a migration changed its columns": raises(errors.FeatureNotSupported()),
    "the server was demoted": raises(errors.ReadOnlySqlTransaction()),
}


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_write_that_has_left_nothing_behind_runs_again_and_has_one_effect(
    database: PostgresDatabase, fault: str
) -> None:
    work, runs = once(TRANSIENT[fault], add_row("one"))
    database.write_now(work)
    assert (list_rows(database), len(runs)) == (["one"], 2)


REFUSED = {
    "the lock is held": (errors.LockNotAvailable(), DatabaseUnavailable, 1),
    "a statement takes too long": (errors.QueryCanceled(), DatabaseUnavailable, 1),
    "there is no connection left": (errors.TooManyConnections(), DatabaseUnavailable, 1),
    "memory is full": (errors.OutOfMemory(), DatabaseUnavailable, 1),
    "the disk is full": (errors.DiskFull(), StorageFull, 1),
    "every run meets a conflict": (errors.SerializationFailure(), DatabaseUnavailable, 5),
    "every connection is lost": (psycopg.OperationalError("lost"), DatabaseUnavailable, 4),
    "an error of the work": (KeyError("x"), KeyError, 1),
    "a row that exists": (errors.UniqueViolation(), errors.UniqueViolation, 1),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_an_error_that_stays_is_told_and_leaves_nothing_behind(
    database: PostgresDatabase, fault: str
) -> None:
    error, expected, expected_runs = REFUSED[fault]
    runs = []

    def work(connection: Connection) -> None:
        runs.append(add_row("one")(connection))
        raise error

    with pytest.raises(expected):
        database.write_now(work)
    assert (list_rows(database), len(runs)) == ([], expected_runs)


def test_a_session_that_did_not_get_the_lock_has_no_transaction_left(
    database: PostgresDatabase, database_url: str
) -> None:
    session = Session(connect_engine(database_url))
    driver(session.open()).execute("SET lock_timeout = 10")

    def wait_in_vain(_connection: Connection) -> None:
        with pytest.raises(DatabaseUnavailable):
            session.write(add_row("refused"), alone=True, durable=True)

    database.write_now(wait_in_vain)
    try:
        assert session.read(lambda connection: connection.execute(text("SELECT 7")).scalar_one()) == 7
        session.write(add_row("later"), alone=True, durable=True)
        assert session.connects == 1
    finally:
        session.close()
    assert list_rows(database) == ["later"]


def test_a_connection_that_is_lost_in_the_commit_is_told_because_the_outcome_is_unknown(
    database: PostgresDatabase,
) -> None:
    runs = []

    def work(connection: Connection) -> None:
        runs.append(add_row("one")(connection))
        # COMMIT checks it: the backend ends itself before the transaction is there.
        driver(connection).execute(
            "CREATE FUNCTION end_backend() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        driver(connection).execute(
            "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON doomed DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION end_backend()"
        )
        connection.execute(text("UPDATE doomed SET due_at = 2"))

    with pytest.raises(DatabaseUnavailable):
        database.write_now(work)
    assert (list_rows(database), len(runs)) == ([], 1)


def test_work_that_goes_on_after_an_error_is_not_acknowledged(database: PostgresDatabase) -> None:
    def work(connection: Connection) -> None:
        add_row("one")(connection)
        with pytest.raises(errors.UndefinedTable):
            driver(connection).execute("SELECT * FROM nothing")

    with pytest.raises(RuntimeError, match="went on after an error"):
        database.write_now(work)
    assert list_rows(database) == []


def test_a_read_survives_the_end_of_its_connection(database: PostgresDatabase) -> None:
    work, runs = once(end_backend, lambda _: 7)
    assert (database.read_now(work), len(runs)) == (7, 2)


class Blocked:
    """Work that adds a row, then waits within its transaction until it is released."""

    def __init__(self, name: str) -> None:
        self._add = add_row(name)
        self.has_begun = threading.Event()
        self._released = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self._add(connection)
        self.has_begun.set()
        assert self._released.wait(60)

    async def begin(self) -> None:
        await asyncio.to_thread(self.has_begun.wait, 60)

    def release(self) -> None:
        self._released.set()


KINDS = {"add beside add": True, "write beside add": False, "add beside write": False}


@pytest.mark.parametrize("kind", KINDS)
def test_additions_run_side_by_side_and_every_other_write_alone(
    database: PostgresDatabase, database_url: str, kind: str
) -> None:
    name, _, first_name = kind.split()
    other = open_database(database_url)

    async def run() -> bool:
        first = Blocked("first")
        begun = asyncio.create_task(getattr(database, first_name)(first))
        await first.begin()
        second = asyncio.create_task(getattr(other, name)(add_row("second")))
        if KINDS[kind]:
            await second
            return not begun.done() and await end(first, begun)
        await wait_for_a_lock(database)
        is_waiting = not second.done()
        await end(first, begun)
        await second
        return is_waiting

    async def end(blocked: Blocked, task: "asyncio.Task[None]") -> bool:
        blocked.release()
        await task
        return True

    try:
        assert asyncio.run(run())
        assert list_rows(database) == ["first", "second"]
    finally:
        other.close()


async def wait_for_a_lock(database: PostgresDatabase) -> None:
    """Returns when a session waits for an advisory lock."""
    statement = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    while not await database.read(lambda connection: connection.execute(statement).scalar_one()):
        await asyncio.sleep(0)


def test_writes_that_wait_leave_threads_for_reads(database: PostgresDatabase, database_url: str) -> None:
    other = open_database(database_url)

    async def run() -> int:
        blocked = Blocked("alone")
        tasks = [asyncio.create_task(other.write(blocked))]
        await blocked.begin()
        tasks += [asyncio.create_task(database.add(add_row(f"add {n}"))) for n in range(20)]
        tasks += [asyncio.create_task(database.write(add_row(f"write {n}"))) for n in range(20)]
        await wait_for_a_lock(database)
        found: int = await database.read(lambda connection: connection.execute(text("SELECT 7")).scalar_one())
        blocked.release()
        await asyncio.gather(*tasks)
        return found

    try:
        assert asyncio.run(run()) == 7
        assert len(list_rows(database)) == 41
    finally:
        other.close()


def test_an_unflushed_write_waits_for_no_flush_and_a_durable_one_does(database: PostgresDatabase) -> None:
    def find(connection: Connection) -> str:
        found: str = connection.execute(text("SHOW synchronous_commit")).scalar_one()
        return found

    async def run() -> list[str]:
        return [
            await database.write(find),
            await database.write(find, durable=False),
            await database.add(find),
            await database.add(find, durable=False),
            await database.read(find),
        ]

    assert asyncio.run(run()) == ["on", "off", "on", "off", "on"]


def test_a_cancelled_write_leaves_its_thread_to_others(database: PostgresDatabase) -> None:
    async def run() -> None:
        blocked = Blocked("one")
        task = asyncio.create_task(database.write(blocked))
        await blocked.begin()
        task.cancel()
        blocked.release()
        with pytest.raises(asyncio.CancelledError):
            await task
        await database.write(add_row("two"))

    asyncio.run(run())
    assert list_rows(database) == ["one", "two"]


def test_a_write_that_a_client_no_longer_waits_for_is_not_begun(database: PostgresDatabase) -> None:
    released = threading.Event()

    async def run() -> None:
        # As many as there are threads.
        reads = [asyncio.create_task(database.read(lambda _: released.wait(60))) for _ in range(8)]
        task = asyncio.create_task(database.write(add_row("cancelled")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        released.set()
        await asyncio.gather(*reads)
        await database.write(add_row("later"))

    asyncio.run(run())
    assert list_rows(database) == ["later"]


def test_writes_that_wait_for_one_another_are_refused_after_one_limit(
    database: PostgresDatabase, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docker_credential_gcr.emulator.database.engine.postgresql.database._LONGEST_S", 0.2)
    other = open_database(database_url)

    async def run() -> list[type]:
        blocked = Blocked("blocked")
        tasks = [asyncio.create_task(other.write(blocked))]
        await blocked.begin()
        tasks += [asyncio.create_task(database.write(add_row(name))) for name in ("first", "second", "third")]
        refused = await asyncio.gather(*tasks, return_exceptions=True)
        blocked.release()
        return [type(error) for error in refused]

    try:
        assert asyncio.run(run()) == [DatabaseUnavailable] * 4
        database.write_now(add_row("later"))
        # The first one had a thread, and waited there for the lock: it may be committed after its refusal.
        assert {*list_rows(database)} - {"first"} == {"blocked", "later"}
    finally:
        other.close()


def test_t20_a_link_that_is_about_to_be_committed_keeps_its_row_from_a_collection(
    database: PostgresDatabase, database_url: str
) -> None:
    """Without the lock the collection deletes the row, and by cascade the link that was acknowledged."""
    other = open_database(database_url)
    statements = ("CREATE TABLE kept (id int PRIMARY KEY)", "INSERT INTO kept VALUES (1)")
    linked = "CREATE TABLE links (kept int REFERENCES kept ON DELETE CASCADE)"
    for statement in (*statements, linked):
        database.write_now(lambda connection, statement=statement: connection.execute(text(statement)))
    has_linked, may_commit = threading.Event(), threading.Event()

    def link(connection: Connection) -> None:
        connection.execute(text("INSERT INTO links VALUES (1)"))
        has_linked.set()
        assert may_commit.wait(60)

    def collect(connection: Connection) -> None:
        connection.execute(
            text("DELETE FROM kept WHERE NOT EXISTS (SELECT FROM links WHERE links.kept = kept.id)")
        )

    def count(connection: Connection) -> tuple[int, ...]:
        query = "SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM links)"
        return tuple(connection.execute(text(query)).one())

    async def run() -> None:
        pushing = asyncio.create_task(database.add(link))
        await asyncio.to_thread(has_linked.wait, 60)
        collecting = asyncio.create_task(other.write(collect))
        await wait_for_a_lock(database)
        may_commit.set()
        await asyncio.gather(pushing, collecting)

    try:
        asyncio.run(run())
        assert database.read_now(count) == (1, 1)
    finally:
        other.close()


def test_a_server_recovers_by_itself_after_a_crash_of_postgresql() -> None:
    with running_cluster() as cluster:
        database = open_database(cluster.create_database())
        try:
            database.write_now(add_row("before"))
            cluster.crash()
            for call in (database.write_now, database.read_now):
                with pytest.raises(DatabaseUnavailable):
                    call(add_row("meanwhile"))
            with pytest.raises(DatabaseUnavailable):
                asyncio.run(database.refresh())
            cluster.start()
            database.write_now(add_row("after"))
            version = database.version()
            asyncio.run(database.refresh())
            assert (list_rows(database), database.version() > version) == (["after", "before"], True)
        finally:
            database.close()


def test_a_server_ends_although_postgresql_hangs(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(database_url)
    pids = database.read_now(
        lambda connection: list(
            connection.execute(
                text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            ).scalars()
        )
    )
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as threads:
            blocked = threads.submit(list_rows, database)
            database.close()
            for call in (blocked.result, lambda: list_rows(database)):
                with pytest.raises(DatabaseUnavailable):
                    call()
        # Waits once, however often it is closed.
        monkeypatch.setattr(
            "docker_credential_gcr.emulator.database.engine.postgresql.sessions._CLOSE_S", 1e6
        )
        database.close()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
