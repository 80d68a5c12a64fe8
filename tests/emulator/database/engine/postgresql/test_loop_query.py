"""A query on the event loop: every way that it ends, and what it leaves of the socket that it watched."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import psycopg
import pytest
from support.child_processes import LIMIT_S
from support.servers.postgresql import NEEDS, execute, running_cluster

from docker_credential_gcr.emulator.database.engine.postgresql.loop_query import Answer, LoopQuery
from docker_credential_gcr.emulator.server.lifecycle import new_event_loop

pytestmark = NEEDS
_NAME = "number"
# A message that PostgreSQL reads and does not answer.
_FLUSH = b"H\x00\x00\x00\x04"


@pytest.fixture(params=[asyncio.new_event_loop, new_event_loop], ids=["asyncio", "installed"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    with closing(request.param()) as loop:
        yield loop


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(database_url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
        connection.execute("INSERT INTO numbers VALUES (1), (2)")
        yield connection


def prepare(
    connection: psycopg.Connection, statement: str = "SELECT max(number), NULL FROM numbers"
) -> LoopQuery:
    connection.execute(f"PREPARE {_NAME} AS {statement}")  # type: ignore[call-overload]
    return LoopQuery(connection.pgconn, _NAME)


async def ask(query: LoopQuery) -> Answer | None:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer | None] = loop.create_future()
    query.run(loop, answered.set_result)
    return await answered


def is_watched(loop: asyncio.AbstractEventLoop, descriptor: int) -> bool:
    """Returns whether the loop watches the file, and ends that."""
    return loop.remove_reader(descriptor) or loop.remove_writer(descriptor)


def test_an_answer_has_the_texts_of_the_row_and_the_time_around_the_query(
    loop: asyncio.AbstractEventLoop, connection: psycopg.Connection, database_url: str
) -> None:
    query = prepare(connection)
    first = loop.run_until_complete(ask(query))
    execute(database_url, "INSERT INTO numbers VALUES (3)")
    second = loop.run_until_complete(ask(query))
    assert first is not None
    assert second is not None
    assert (first.row, second.row) == ((b"2", None), (b"3", None))
    assert first.began <= first.ended <= second.began <= second.ended


def test_a_query_runs_on_a_later_loop_after_the_first_has_ended(connection: psycopg.Connection) -> None:
    query = prepare(connection)
    for make_loop in (asyncio.new_event_loop, new_event_loop) * 2:
        with closing(make_loop()) as loop:
            answer = loop.run_until_complete(ask(query))
            assert answer is not None
            assert answer.row == (b"2", None)


def test_a_query_leaves_a_loop_that_goes_on_for_another(
    loop: asyncio.AbstractEventLoop, connection: psycopg.Connection
) -> None:
    query = prepare(connection)
    assert loop.run_until_complete(ask(query)) is not None
    assert asyncio.run(ask(query)) is not None
    assert not is_watched(loop, connection.fileno())


def test_an_error_has_no_answer(loop: asyncio.AbstractEventLoop, connection: psycopg.Connection) -> None:
    query = prepare(connection, "SELECT 1 / (number - number) FROM numbers")
    assert loop.run_until_complete(ask(query)) is None
    assert not is_watched(loop, connection.fileno())


def test_a_result_without_a_row_has_no_answer(
    loop: asyncio.AbstractEventLoop, connection: psycopg.Connection
) -> None:
    assert loop.run_until_complete(ask(prepare(connection, "DELETE FROM numbers"))) is None


def test_a_lost_connection_has_no_answer_and_its_socket_is_not_watched(
    loop: asyncio.AbstractEventLoop, connection: psycopg.Connection, database_url: str
) -> None:
    query = prepare(connection)
    descriptor, pid = connection.fileno(), connection.info.backend_pid

    async def run() -> Answer | None:
        assert await ask(query) is not None
        await asyncio.to_thread(execute, database_url, f"SELECT pg_terminate_backend({pid}, 60000)")
        return await ask(query)

    assert loop.run_until_complete(run()) is None
    assert not is_watched(loop, descriptor)


def test_a_server_process_that_ends_with_a_message_instead_of_an_answer_has_none(
    loop: asyncio.AbstractEventLoop,
) -> None:
    with running_cluster() as cluster, closing(psycopg.connect(cluster.url(), autocommit=True)) as connection:
        query = prepare(connection, "SELECT 1")
        descriptor, pid = connection.fileno(), connection.info.backend_pid

        async def run() -> Answer | None:
            assert await ask(query) is not None
            os.kill(pid, signal.SIGSTOP)
            asking = asyncio.create_task(ask(query))
            await asyncio.sleep(0)
            # It sends a warning and ends, and has not read the query: the system reports bytes and an error.
            os.kill(pid, signal.SIGQUIT)
            os.kill(pid, signal.SIGCONT)
            return await asyncio.wait_for(asking, LIMIT_S)

        assert loop.run_until_complete(run()) is None
        assert not is_watched(loop, descriptor)


def test_a_connection_that_was_closed_has_no_answer_and_no_other_socket_is_watched(
    loop: asyncio.AbstractEventLoop, connection: psycopg.Connection
) -> None:
    query = prepare(connection)
    descriptor = connection.fileno()
    connection.close()
    with socket.socket() as other:
        assert other.fileno() == descriptor
        assert loop.run_until_complete(ask(query)) is None
        assert not is_watched(loop, descriptor)


def test_a_stopped_query_has_no_answer_and_its_socket_is_not_watched(
    loop: asyncio.AbstractEventLoop, connection: psycopg.Connection
) -> None:
    query = prepare(connection)
    answers: list[Answer | None] = []

    async def run() -> None:
        query.stop()
        query.run(loop, answers.append)
        query.stop()

    loop.run_until_complete(run())
    assert not is_watched(loop, connection.fileno())
    assert answers == []


def test_a_query_that_finds_no_room_in_the_socket_is_sent_when_there_is_some(
    loop: asyncio.AbstractEventLoop, connection: psycopg.Connection
) -> None:
    query = prepare(connection)
    answers: list[Answer | None] = []
    pid = connection.info.backend_pid

    async def run() -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            fill(connection.fileno())
            query.run(loop, answers.append)
            assert connection.pgconn.flush() == 1
        finally:
            os.kill(pid, signal.SIGCONT)
        while not answers:
            await asyncio.sleep(0)
        assert not loop.remove_writer(connection.fileno())

    loop.run_until_complete(run())
    (answer,) = answers
    assert answer is not None
    assert answer.row == (b"2", None)


def fill(descriptor: int) -> None:
    """Fills the buffer of a socket that does not block."""
    with socket.socket(fileno=os.dup(descriptor)) as whole, suppress(BlockingIOError):
        while True:
            assert whole.send(_FLUSH) == len(_FLUSH)
