"""Validation of caches: never older than the call, one query for all that wait, nothing that hangs."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, text
from support.servers.postgresql import NEEDS, execute, running_cluster

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


def test_a_postgresql_that_hangs_refuses_every_request_and_recovers() -> None:
    skews: list[float] = []
    with (
        running_cluster() as cluster,
        closing(open_database(cluster.create_database(), follow=skews.append)) as database,
    ):

        async def run() -> None:
            pids = await database.read(
                lambda connection: list(
                    connection.execute(
                        text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
                    ).scalars()
                )
            )
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                refused = await asyncio.gather(
                    *(database.refresh() for _ in range(5)), return_exceptions=True
                )
                again = await asyncio.gather(database.refresh(), return_exceptions=True)
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
            assert {type(each) for each in (*refused, *again)} == {DatabaseUnavailable}
            await database.refresh()
            # The query that hung tells nothing of the clock.
            assert skews == []

        asyncio.run(run())
