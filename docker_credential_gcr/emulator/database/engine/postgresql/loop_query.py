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
        # The loop that watches the socket, also between two runs.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settle: Settle | None = None
        self._began = 0.0
        self._result: PGresult | None = None
        self._is_sent = True

    def run(self, loop: asyncio.AbstractEventLoop, settle: Settle) -> None:
        """Sends the statement; `settle` is called once, or not at all after `stop`."""
        if self._loop is not loop:
            self.stop()
        self._settle, self._began = settle, time.time()
        try:
            # First: it raises for a connection that is closed, whose socket's number may be another file's,
            # and where a loop has ended before the last answer.
            self._connection.send_query_prepared(self._name, None)
            if self._loop is None:
                self._loop = loop
                loop.add_reader(self._socket, self._advance)
            self._flush(loop)
        except psycopg.Error:
            self._fail()

    def stop(self) -> bool:
        """Leaves the loop; returns whether a run was in progress, whose answer may still arrive.

        Before the connection is closed, because the next file of the process gets the number of its socket.
        """
        loop, self._loop = self._loop, None
        settle, self._settle = self._settle, None
        if loop is not None and not loop.is_closed():
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
        return settle is not None

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        is_sent = self._connection.flush() == 0
        if is_sent != self._is_sent:
            self._is_sent = is_sent
            if is_sent:
                loop.remove_writer(self._socket)
            else:
                loop.add_writer(self._socket, self._advance)

    def _advance(self) -> None:
        """Reads and sends what the socket has and takes; ends the run after its last result."""
        connection = self._connection
        try:
            connection.consume_input()
            if not self._is_sent and self._loop is not None:
                self._flush(self._loop)
            while self._settle is not None and not connection.is_busy():
                result = connection.get_result()
                if result is None:
                    self._end()
                else:
                    self._result = result
        except psycopg.Error:
            self._fail()

    def _end(self) -> None:
        result, self._result = self._result, None
        if self._settle is None or result is None or result.status != ExecStatus.TUPLES_OK:
            self._fail()
            return
        settle, self._settle = self._settle, None
        settle(read_answer(result, self._began))

    def _fail(self) -> None:
        settle = self._settle
        self.stop()
        if settle is not None:
            settle(None)
