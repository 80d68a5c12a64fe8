"""Validation of caches: asks PostgreSQL for its snapshot, once for all requests that wait for the answer.

The snapshot changes with every transaction that wrote and has ended, of any server, without a row, a trigger
or a lock for it. A NOTIFY in each write, or a row that counts them, makes writes several times slower.
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable

from .loop_query import Answer, LoopQuery, read_answer
from .sessions import Session, SessionThreads

_logger = logging.getLogger(__name__)
_NUMBER = "(SELECT number FROM revisions WHERE subject = '{}')"
_NUMBERS = ", ".join(map(_NUMBER.format, (schema.ACCESS, schema.CONTROL)))
_QUERY = f"SELECT pg_current_snapshot(), {_NUMBERS}, extract(epoch FROM clock_timestamp())"  # noqa: S608 - names of the schema
_STATEMENT = "validation"
# Seconds after which the requests that wait are refused: a PostgreSQL that hangs answers no query at all.
_LONGEST_S = 1.5
# Smaller differences are those of the network, and would let the clock go back.
_SMALLEST_SKEW_S = 0.5
# Differs from every row.
_NO_ROW: tuple[Any, ...] = ("", "", "", "")


class Validation:
    """Versions of a shared database, as of the last query; `skew_s` is how far its clock is ahead.

    The event loop sends the query itself. A thread opens the connection, at the start and after it was lost.
    """

    def __init__(self, engine: Engine, follow: Callable[[float], None]) -> None:
        """`follow` is called with the skew when it has changed."""
        self.version = self.access = self.control = 0
        self.skew_s = 0.0
        self._follow = follow
        self._numbers = itertools.count(1)
        self._threads = SessionThreads(engine, 1)
        # None until a thread has opened its connection.
        self._query: LoopQuery | None = None
        self._row = _NO_ROW
        self._waiting: list[asyncio.Future[None]] = []
        self._asked: list[asyncio.Future[None]] = []
        # The one that asks; None while no request waits.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connect(self) -> None:
        """Opens the connection for a caller without an event loop: blocks. Raises what PostgreSQL refuses."""
        self._adopt(*self._threads.run_now(_connect))

    async def refresh(self) -> None:
        """Returns after the answer to a query that was sent after this call. Raises DatabaseUnavailable."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # What waits in a loop that has ended waits for ever.
            self._loop, self._waiting = loop, []
            # Not at once: the other requests of this iteration of the loop share the query.
            loop.call_soon(self._ask, loop)
        answered: asyncio.Future[None] = loop.create_future()
        self._waiting.append(answered)
        await answered

    def count_commit(self) -> None:
        """Changes the version after a commit of this server, which the next query sees, too."""
        self.version = next(self._numbers)

    def close(self, until: float) -> None:
        """Closes the connection, in the thread of the event loop or after its end; waits until that time.

        Requests that wait for an answer are refused when their time is up.
        """
        if self._query is not None:
            self._query.stop()
            self._query = None
        self._threads.close(until)

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asked, self._waiting = self._waiting, []
        self._timer = loop.call_later(_LONGEST_S, self._give_up, loop)
        if self._query is None:
            self._reconnect(loop)
        else:
            self._query.run(loop, partial(self._take, loop))

    def _take(self, loop: asyncio.AbstractEventLoop, answer: Answer | None) -> None:
        if answer is None:
            # The thread asks again, and finds out what was wrong.
            self._query = None
            self._reconnect(loop)
        else:
            self._apply(answer)
            self._end(loop, None)

    def _reconnect(self, loop: asyncio.AbstractEventLoop) -> None:
        def settle(connected: Any, error: BaseException | None) -> None:
            # RuntimeError: the loop has ended, and nothing waits for the answer.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._take_connection, loop, connected, error)

        self._threads.submit(_connect, settle)

    def _take_connection(
        self,
        loop: asyncio.AbstractEventLoop,
        connected: tuple[LoopQuery, Answer],
        error: BaseException | None,
    ) -> None:
        if error is None:
            self._adopt(*connected)
        elif not isinstance(error, DatabaseUnavailable):
            # Such as a right that was revoked. Outside of all sites, which log what they do not expect.
            _logger.error("the database cannot be asked for its versions", exc_info=error)
            error = DatabaseUnavailable()
        self._end(loop, error)

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuses the requests that wait for a query without an answer, and later those that still come."""
        self._timer = loop.call_later(_LONGEST_S, self._give_up, loop)
        asked, self._asked = [*self._asked, *self._waiting], []
        self._waiting = []
        _settle(asked, DatabaseUnavailable())

    def _end(self, loop: asyncio.AbstractEventLoop, error: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        asked, self._asked = self._asked, []
        _settle(asked, error)
        if self._waiting:
            loop.call_soon(self._ask, loop)
        else:
            self._loop = None

    def _adopt(self, query: LoopQuery, answer: Answer) -> None:
        """Takes a new connection, with which all versions change: after a failover numbers may come again."""
        self._query, self._row = query, _NO_ROW
        self._apply(answer)

    def _apply(self, answer: Answer) -> None:
        (snapshot, access, control, clock), last = answer.row, self._row
        self._row = answer.row
        if snapshot != last[0]:
            self.version = next(self._numbers)
        if access != last[1]:
            self.access = next(self._numbers)
        if control != last[2]:
            self.control = next(self._numbers)
        skew_s = float(clock) - (answer.began + answer.ended) / 2
        # The database read its clock at any moment of the query, which takes long if PostgreSQL hangs.
        if abs(skew_s - self.skew_s) > _SMALLEST_SKEW_S + (answer.ended - answer.began) / 2:
            self.skew_s = skew_s
            self._follow(skew_s)


def _connect(session: Session) -> tuple[LoopQuery, Answer]:
    """Opens the connection again, which may be lost, prepares the statement and runs it a first time."""

    def work(connection: Connection) -> tuple[LoopQuery, Answer]:
        driver: Any = connection.connection.dbapi_connection
        driver.execute(f"PREPARE {_STATEMENT} AS {_QUERY}", prepare=False)
        began = time.time()
        result = driver.execute(f"EXECUTE {_STATEMENT}", prepare=False).pgresult
        return LoopQuery(driver.pgconn, _STATEMENT), read_answer(result, began)

    session.close()
    return session.read(work)


def _settle(waiting: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for answered in waiting:
        # A cancelled request does not wait.
        if answered.done():
            continue
        if error is None:
            answered.set_result(None)
        else:
            answered.set_exception(error)
