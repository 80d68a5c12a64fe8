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
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable

from .sessions import Session, SessionThreads

_logger = logging.getLogger(__name__)
_NUMBER = "(SELECT number FROM revisions WHERE subject = '{}')"
_NUMBERS = ", ".join(map(_NUMBER.format, (schema.ACCESS, schema.CONTROL)))
_QUERY = f"SELECT pg_current_snapshot()::text, {_NUMBERS}, extract(epoch FROM clock_timestamp())::float8"  # noqa: S608 - names of the schema
# Seconds after which the requests that wait are refused: a PostgreSQL that hangs answers no query at all.
_LONGEST_S = 1.5
# Smaller differences are those of the network, and would let the clock go back.
_SMALLEST_SKEW_S = 0.5


class _Answer(NamedTuple):
    """What a query returns, with the number of the connection: after a failover numbers may come again."""

    connection: int
    snapshot: str
    access: int
    control: int
    skew_s: float
    took_s: float


class Validation:
    """Versions of a shared database, as of the last query; `skew_s` is how far its clock is ahead."""

    def __init__(self, engine: Engine, follow: Callable[[float], None]) -> None:
        """`follow` is called with the skew when it has changed."""
        self.version = self.access = self.control = 0
        self.skew_s = 0.0
        self._follow = follow
        self._numbers = itertools.count(1)
        self._threads = SessionThreads(engine, 1)
        self._last = _Answer(0, "", -1, -1, 0.0, 0.0)
        self._waiting: list[asyncio.Future[None]] = []
        self._asked: list[asyncio.Future[None]] = []
        self._is_asking = False
        self._timer: asyncio.TimerHandle | None = None

    async def refresh(self) -> None:
        """Returns after the answer to a query that was sent after this call. Raises DatabaseUnavailable."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        self._waiting.append(answered)
        if not self._is_asking:
            self._is_asking = True
            # Not at once: the other requests of this iteration of the loop share the query.
            loop.call_soon(self._ask, loop)
        await answered

    def refresh_now(self) -> None:
        """Refreshes for a caller without an event loop. Raises what the query raises."""
        self._apply(self._threads.run_now(_ask))

    def count_commit(self) -> None:
        """Changes the version after a commit of this server, which the next query sees, too."""
        self.version = next(self._numbers)

    def close(self, until: float) -> None:
        """Closes the connection; waits for its last query until that time."""
        self._threads.close(until)

    def _ask(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asked, self._waiting = self._waiting, []
        self._timer = loop.call_later(_LONGEST_S, self._give_up, loop)

        def settle(answer: Any, error: BaseException | None) -> None:
            # RuntimeError: the loop has ended, and nothing waits for the answer.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._end, loop, answer, error)

        self._threads.submit(_ask, settle)

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuses the requests that wait for a query without an answer, and later those that still come."""
        self._timer = loop.call_later(_LONGEST_S, self._give_up, loop)
        asked, self._asked = [*self._asked, *self._waiting], []
        self._waiting = []
        _settle(asked, DatabaseUnavailable())

    def _end(self, loop: asyncio.AbstractEventLoop, answer: _Answer, error: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if error is None:
            self._apply(answer)
        elif not isinstance(error, DatabaseUnavailable):
            # Such as a right that was revoked. Outside of all sites, which log what they do not expect.
            _logger.error("the database cannot be asked for its versions", exc_info=error)
            error = DatabaseUnavailable()
        asked, self._asked = self._asked, []
        _settle(asked, error)
        self._is_asking = bool(self._waiting)
        if self._is_asking:
            loop.call_soon(self._ask, loop)

    def _apply(self, answer: _Answer) -> None:
        last, self._last = self._last, answer
        if answer[:2] != last[:2]:
            self.version = next(self._numbers)
        if (answer.connection, answer.access) != (last.connection, last.access):
            self.access = next(self._numbers)
        if (answer.connection, answer.control) != (last.connection, last.control):
            self.control = next(self._numbers)
        # The database read its clock at any moment of the query, which takes long if PostgreSQL hangs.
        if abs(answer.skew_s - self.skew_s) > _SMALLEST_SKEW_S + answer.took_s / 2:
            self.skew_s = answer.skew_s
            self._follow(answer.skew_s)


def _ask(session: Session) -> _Answer:
    def work(connection: Connection) -> tuple[Any, ...]:
        driver: Any = connection.connection.dbapi_connection
        began = time.time()
        row: tuple[Any, ...] = driver.execute(_QUERY).fetchone()
        ended = time.time()
        return *row[:3], row[3] - (began + ended) / 2, ended - began

    answer = session.read(work)
    return _Answer(session.connects, *answer)


def _settle(waiting: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for answered in waiting:
        # A cancelled request does not wait.
        if answered.done():
            continue
        if error is None:
            answered.set_result(None)
        else:
            answered.set_exception(error)
