"""Loop query: a prepared statement that an event loop sends, and whose answer it reads, without a thread.

A thread costs four times the CPU and twice the latency, because it and the event loop wake each other.
https://www.postgresql.org/docs/current/libpq-async.html
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult


class Answer(NamedTuple):
    """The only row of a result, as PostgreSQL's texts, and this machine's time before and after the query."""

    row: tuple[Any, ...]
    began: float
    ended: float


# Gets the answer; None after an error, or if the connection is lost.
Settle = Callable[[Answer | None], None]


def read_answer(result: PGresult, began: float) -> Answer:
    """Returns the answer to a query that was sent at `began`."""
    row = tuple(result.get_value(0, column) for column in range(result.nfields))
    return Answer(row, began, time.time())


class LoopQuery:
    """A prepared statement on a connection without other queries; one run at a time."""

    def __init__(self, connection: PGconn, name: str) -> None:
        self._connection = connection
        self._name = name.encode()
        self._socket = connection.socket
        # The loop that watches the socket: while a run waits.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settle: Settle | None = None
        self._began = 0.0
        self._result: PGresult | None = None

    def run(self, loop: asyncio.AbstractEventLoop, settle: Settle) -> None:
        """Sends the statement; `settle` is called once, or not at all after `stop`."""
        # A run of a loop that has ended.
        self.stop()
        self._settle, self._began = settle, time.time()
        try:
            # First: it raises for a connection that is closed, whose socket's number may be another file's,
            # and where a loop has ended before the last answer.
            self._connection.send_query_prepared(self._name, None)
            self._watch(loop)
        except psycopg.Error:
            self._fail()

    def stop(self) -> None:
        """Ends a run without its answer, which may still arrive.

        Before the connection is closed, because the next file of the process gets the number of its socket.
        """
        self._leave()
        self._settle = None

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Sends what the socket takes, and waits for its next event only.

        libuv reports the error of a socket once and watches it no more, and the reader may find bytes
        that came before the error.
        """
        is_sent = self._connection.flush() == 0
        self._loop = loop
        loop.add_reader(self._socket, self._advance, loop)
        if not is_sent:
            loop.add_writer(self._socket, self._advance, loop)

    def _leave(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)

    def _advance(self, loop: asyncio.AbstractEventLoop) -> None:
        """Reads what the socket has; ends the run after its last result."""
        connection = self._connection
        self._leave()
        try:
            connection.consume_input()
            while not connection.is_busy():
                result = connection.get_result()
                if result is None:
                    self._end()
                    return
                self._result = result
            self._watch(loop)
        except psycopg.Error:
            self._fail()

    def _end(self) -> None:
        result, self._result = self._result, None
        settle, self._settle = self._settle, None
        if settle is None:
            return
        if result is None or result.status != ExecStatus.TUPLES_OK:
            settle(None)
        else:
            settle(read_answer(result, self._began))

    def _fail(self) -> None:
        self._leave()
        self._result = None
        self._end()
