"""Validation of caches: never older than the call, one query for all that wait, nothing that hangs."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from support.keys import save_certificate
from support.servers.postgresql import (
    NEEDS,
    Cluster,
    execute,
    list_sessions,
    running_cluster,
    stopped_sessions,
)
from support.servers.postgresql_relay import running_relay

from docker_credential_gcr.emulator.database.engine.postgresql.database import PostgresDatabase
from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable

pytestmark = NEEDS


@pytest.fixture
def pair(database_url: str) -> Iterator[tuple[PostgresDatabase, PostgresDatabase]]:
    with closing(open_database(database_url)) as one, closing(open_database(database_url)) as other:
        yield one, other


def find_versions(database: PostgresDatabase) -> tuple[int, int, int]:
    return database.version(), database.access_version(), database.control_version()


def are_newer(versions: tuple[int, int, int], before: tuple[int, int, int]) -> bool:
    return all(new > old for new, old in zip(versions, before, strict=True))


def list_descriptors() -> set[int]:
    return set(map(int, os.listdir("/proc/self/fd")))


async def take_turns() -> None:
    """Lets the requests that wait send their query."""
    for _ in range(5):
        await asyncio.sleep(0)


ADDITIONS = (
    "INSERT INTO doomed (key, due_at) VALUES ('a', 1)",
    "INSERT INTO doomed (key, due_at) VALUES ('b', 1)",
)
CHANGES = {
    "INSERT INTO doomed (key, due_at) VALUES ('x', 1)": (True, False, False),
    "INSERT INTO projects (project_id, number, name, created_at) VALUES ('p', 7, 'p', 1)": (
        True,
        True,
        False,
    ),
    "INSERT INTO control (name, document) VALUES ('clock', '')": (True, False, True),
    "DELETE FROM projects": (False, False, False),
    "INSERT INTO control (name, document) SELECT 'x', '' WHERE false": (False, False, False),
}


@pytest.mark.parametrize("statement", CHANGES)
def test_a_refresh_sees_each_commit_of_another_server_and_what_it_changed(
    pair: tuple[PostgresDatabase, PostgresDatabase], statement: str
) -> None:
    database, other = pair
    asyncio.run(database.refresh())
    before = find_versions(database)
    other.write_now(lambda connection: connection.execute(text(statement)))
    assert find_versions(database) == before
    asyncio.run(database.refresh())
    changed = tuple(new != old for new, old in zip(find_versions(database), before, strict=True))
    assert changed == CHANGES[statement]


def test_a_write_that_is_rolled_back_leaves_access_and_control_as_they_are(
    pair: tuple[PostgresDatabase, PostgresDatabase],
) -> None:
    database, other = pair
    asyncio.run(database.refresh())
    before = find_versions(database)

    def work(connection: Connection) -> None:
        connection.execute(text("INSERT INTO control (name, document) VALUES ('clock', '')"))
        raise KeyError

    with pytest.raises(KeyError):
        other.write_now(work)
    asyncio.run(database.refresh())
    assert find_versions(database)[1:] == before[1:]


def test_a_server_sees_the_version_change_with_its_own_commits_without_a_refresh(
    pair: tuple[PostgresDatabase, PostgresDatabase],
) -> None:
    database, _ = pair
    before = database.version()
    statement = text("INSERT INTO doomed (key, due_at) VALUES ('x', 1)")
    database.write_now(lambda connection: connection.execute(statement))
    assert database.version() != before


def test_requests_that_wait_share_a_query() -> None:
    with (
        running_cluster(settings=["log_statement=all"]) as cluster,
        closing(open_database(cluster.create_database())) as database,
    ):
        execute(cluster.url(), "SELECT 'the start'")
        while "the start" not in (log := cluster.log.read_text()):
            pass
        before = log.count("pg_current_snapshot")

        async def refresh_many() -> None:
            await asyncio.gather(*(database.refresh() for _ in range(1000)))

        asyncio.run(refresh_many())
        # The log is written by another process: this query's line comes after theirs.
        asyncio.run(database.refresh())
        execute(cluster.url(), "SELECT 'the end'")
        while "the end" not in (log := cluster.log.read_text()):
            pass
        assert log.count("pg_current_snapshot") - before == 2


def test_a_query_that_is_wrong_is_logged_and_its_requests_are_told_to_retry(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(open_database(database_url)) as database:
        execute(database_url, "ALTER TABLE revisions RENAME TO gone")
        with pytest.raises(DatabaseUnavailable):
            asyncio.run(database.refresh())
        execute(database_url, "ALTER TABLE gone RENAME TO revisions")
        asyncio.run(database.refresh())
    (record,) = caplog.records
    assert record.getMessage() == "the database cannot be asked for its versions"
    assert 'relation "revisions" does not exist' in str(record.exc_info)


def test_a_cancelled_request_takes_no_other_with_it(pair: tuple[PostgresDatabase, PostgresDatabase]) -> None:
    database, _ = pair

    async def run() -> None:
        tasks = [asyncio.create_task(database.refresh()) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(tasks[0], tasks[2])

    asyncio.run(run())


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_an_answer_may_arrive_in_parts(
    postgresql: Cluster, database_url: str, tmp_path: Path, is_encrypted: bool
) -> None:
    certificate = save_certificate(tmp_path, "localhost") if is_encrypted else None

    async def run() -> None:
        async with running_relay(postgresql.directory, certificate) as relay:
            database = await asyncio.to_thread(open_database, relay.place(database_url))
            with closing(database):
                relay.part_size = 1
                for statement in ADDITIONS:
                    before, sent = database.version(), relay.parts
                    execute(database_url, statement)
                    await database.refresh()
                    assert database.version() > before
                    assert relay.parts - sent > 50

    asyncio.run(run())


def test_a_connection_that_is_lost_during_a_query_is_opened_again_and_nothing_cached_is_valid(
    postgresql: Cluster, database_url: str
) -> None:
    async def run() -> None:
        async with running_relay(postgresql.directory) as relay:
            database = await asyncio.to_thread(open_database, relay.place(database_url))
            with closing(database):
                for _ in range(3):
                    await database.refresh()
                    before = find_versions(database)
                    relay.break_next()
                    await asyncio.gather(*(database.refresh() for _ in range(3)))
                    # After a failover another snapshot and other revisions may have the same numbers.
                    assert are_newer(find_versions(database), before)
                    while len(list_sessions(database_url)) != 9:  # the lost one ends
                        pass

    asyncio.run(run())


def test_a_connection_that_is_lost_between_queries_is_opened_again(
    pair: tuple[PostgresDatabase, PostgresDatabase], database_url: str
) -> None:
    database, _ = pair

    async def run() -> None:
        await database.refresh()
        before = find_versions(database)
        await asyncio.to_thread(
            execute,
            database_url,
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        await database.refresh()
        assert are_newer(find_versions(database), before)

    asyncio.run(run())


def test_a_loop_that_ends_during_a_query_leaves_nothing_to_the_next(database_url: str) -> None:
    with closing(open_database(database_url)) as database:
        with closing(asyncio.new_event_loop()) as loop, stopped_sessions(database_url):
            # It would report the tasks that never end.
            loop.set_exception_handler(lambda *_: None)
            asking = []
            for _ in range(2):  # the first waits for an answer, and the other one for the next query
                asking.append(loop.create_task(database.refresh()))
                loop.run_until_complete(take_turns())
            assert not any(task.done() for task in asking)
        before = database.version()
        execute(database_url, ADDITIONS[0])
        asyncio.run(database.refresh())
        assert database.version() > before
        while len(list_sessions(database_url)) != 9:  # the lost one ends
            pass


def test_a_database_that_is_closed_during_a_query_refuses_its_requests_and_later_ones(
    database_url: str,
) -> None:
    async def run() -> None:
        database = await asyncio.to_thread(open_database, database_url)
        with stopped_sessions(database_url):
            asking = [asyncio.create_task(database.refresh()) for _ in range(2)]
            await take_turns()
            asking.append(asyncio.create_task(database.refresh()))
            await take_turns()
            opened = list_descriptors()
            database.close()
            closed = opened - list_descriptors()
            refused = await asyncio.gather(*asking, database.refresh(), return_exceptions=True)
        assert [type(each) for each in refused] == [DatabaseUnavailable] * 4
        # The next sockets get these numbers.
        loop = asyncio.get_running_loop()
        assert [len(closed), *filter(loop.remove_reader, closed)] == [9]

    asyncio.run(run())


def test_a_postgresql_that_hangs_refuses_every_request_and_recovers(database_url: str) -> None:
    skews: list[float] = []
    with closing(open_database(database_url, follow=skews.append)) as database:

        async def run() -> None:
            with stopped_sessions(database_url):
                refused = await asyncio.gather(
                    *(database.refresh() for _ in range(5)), return_exceptions=True
                )
                again = await asyncio.gather(database.refresh(), return_exceptions=True)
            assert {type(each) for each in (*refused, *again)} == {DatabaseUnavailable}
            await database.refresh()
            # The query that hung tells nothing of the clock.
            assert skews == []

        asyncio.run(run())
