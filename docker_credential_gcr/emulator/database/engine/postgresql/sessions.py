"""Sessions of PostgreSQL: threads with a connection each, which run work and repeat it where that is safe.

A write is one transaction that begins with an advisory lock. Work that only adds shares the lock; all other
writes have it alone. READ COMMITTED without it loses an acknowledged push: a collection that waits for the
row of a blob, while a push links it, deletes the row afterwards, and the link with it.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable, StorageFull

from .errors import Fault, find_fault

T = TypeVar("T")
Work = Callable[[Connection], T]
# Gets the result, or the error.
Settle = Callable[[Any, BaseException | None], None]

# The first number of this program's advisory locks; the second one names the lock.
LOCKS = 0x676372
WRITES, SCHEMA = 1, 2
_ALONE = f"SELECT pg_advisory_xact_lock({LOCKS}, {WRITES})"
_SHARED = f"SELECT pg_advisory_xact_lock_shared({LOCKS}, {WRITES})"
# A transaction survives the end of this process once PostgreSQL has its COMMIT: only a crash of PostgreSQL
# itself loses one that was not flushed.
_UNFLUSHED = "SET LOCAL synchronous_commit = off"
# One moment for all statements of a read that may take long, and may write what it has read to a disk.
_SCAN = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; "
    "SET LOCAL idle_in_transaction_session_timeout = 60000"
)
# Seconds before each further attempt after a lost connection; after a conflict there is no pause.
_PAUSES = (0.0, 0.2, 0.5)
_CONFLICTS = 4
# Seconds that a server waits for its last calls.
_CLOSE_S = 1.0


class Session:
    """A connection that is opened when it is needed, for one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        # How often the session has connected.
        self.connects = 0

    def open(self) -> Connection:
        """Returns the connection. Raises psycopg's or SQLAlchemy's error if there is none to be had."""
        if self._connection is None:
            connection = self._engine.connect()
            self._connection = connection
            self.connects += 1
        return self._connection

    def close(self) -> None:
        """Closes the connection, which may be lost already."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, psycopg.Error):
                connection.invalidate()
                connection.close()

    def read(self, work: Work[T]) -> T:
        """Returns what `work` reads. Raises DatabaseUnavailable."""
        return self._repeat(work)

    def scan(self, work: Work[T]) -> T:
        """Returns what `work` reads, all of one moment, however long it takes."""
        return self._repeat(lambda connection: _run(connection, work, _SCAN))

    def write(self, work: Work[T], *, alone: bool, durable: bool) -> T:
        """Runs `work` in a transaction. Raises DatabaseUnavailable, and StorageFull."""
        begin = "; ".join(("BEGIN", *(() if durable else (_UNFLUSHED,)), _ALONE if alone else _SHARED))
        return self._repeat(lambda connection: _run(connection, work, begin))

    def _repeat(self, attempt: Work[T]) -> T:
        """Runs an attempt again after an error that has left nothing behind."""
        losses, conflicts = iter(_PAUSES), iter(range(_CONFLICTS))
        while True:
            try:
                return attempt(self.open())
            except _CommitLost as error:
                self.close()
                raise DatabaseUnavailable from error
            except Exception as error:
                fault = find_fault(error)
                if fault is None:
                    raise
                if fault is Fault.FULL:
                    raise StorageFull from error
                pause_s: float | None = 0.0
                if fault is Fault.LOST:
                    self.close()
                    pause_s = next(losses, None)
                elif fault is Fault.BUSY or next(conflicts, None) is None:
                    pause_s = None
                if pause_s is None:
                    raise DatabaseUnavailable from error
                time.sleep(pause_s)


def find_end() -> float:
    """Returns until when a server that closes its sessions waits for their last calls."""
    return time.monotonic() + _CLOSE_S


def check_pooling(sessions: Iterable[Session]) -> None:
    """Raises UnusableDatabase if a pooler serves sessions by one connection to PostgreSQL by turns.

    The second session would have neither the time-outs nor the prepared statements that it believes to have.
    """
    processes = [session.read(_find_process) for session in sessions]
    if len({*processes}) < len(processes):
        raise UnusableDatabase(
            "a pooler shares its connections to PostgreSQL between sessions: set its pool_mode to session, "
            "or name PostgreSQL's own port"
        )


def _find_process(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


class SessionThreads:
    """Threads that run calls in the order of arrival, each on a session of its own."""

    def __init__(self, engine: Engine, count: int) -> None:
        self._queue: SimpleQueue[tuple[Callable[[Session], Any], Settle] | None] = SimpleQueue()
        # Of callers without an event loop.
        self._blocked: set[Future[Any]] = set()
        self._is_closed = False
        self.sessions = [Session(engine) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._serve, args=(session,), name="database", daemon=True)
            for session in self.sessions
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[[Session], Any], settle: Settle) -> None:
        """Has a thread run the call, which then calls `settle`."""
        if self._is_closed:
            settle(None, DatabaseUnavailable())
        else:
            self._queue.put((call, settle))

    async def run(self, call: Callable[[Session], T], limit_s: float) -> T:
        """Returns what the call returns. Raises DatabaseUnavailable if that takes too long."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def settle(value: Any, error: BaseException | None) -> None:
            # RuntimeError: the loop has ended, and nothing waits for the result.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, result, value, error)

        def attempt(session: Session) -> T:
            # No write is committed for a caller that was refused, or has gone, while it waited for a thread.
            if result.done():
                raise DatabaseUnavailable
            return call(session)

        timer = loop.call_later(limit_s, _settle, result, None, DatabaseUnavailable())
        self.submit(attempt, settle)
        try:
            return await result
        finally:
            timer.cancel()

    def run_now(self, call: Callable[[Session], T]) -> T:
        """Returns what the call returns, for a caller without an event loop: blocks.

        Raises DatabaseUnavailable if the threads are closed meanwhile.
        """
        result: Future[T] = Future()
        self._blocked.add(result)
        self.submit(call, partial(_settle, result))
        try:
            return result.result()
        finally:
            self._blocked.discard(result)

    def close(self, until: float) -> None:
        """Runs the calls that wait, until that time, then refuses the others and later ones.

        A PostgreSQL that hangs keeps its threads, which end with the process. A second call does nothing.
        """
        if self._is_closed:
            return
        self._is_closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for result in [*self._blocked]:
            _settle(result, None, DatabaseUnavailable())

    def _serve(self, session: Session) -> None:
        while (job := self._queue.get()) is not None:
            call, settle = job
            try:
                value, error = call(session), None
            except BaseException as failure:  # noqa: BLE001 - the caller gets it
                value, error = None, failure
            settle(value, error)
            # A thread that waits for its next job keeps nothing of the last one.
            del job, call, settle, value, error
        session.close()


def _settle(result: "asyncio.Future[T] | Future[T]", value: Any, error: BaseException | None) -> None:
    # A cancelled caller does not wait for the result, nor does one that was refused meanwhile.
    with suppress(InvalidStateError, asyncio.InvalidStateError):
        if error is None:
            result.set_result(value)
        else:
            result.set_exception(error)


class _CommitLost(Exception):
    """The connection was lost while PostgreSQL committed: the transaction may be there, or not."""


def _run(connection: Connection, work: Work[T], begin: str) -> T:
    """Runs `work` in a transaction that begins with those statements. Raises _CommitLost."""
    driver: Any = connection.connection.dbapi_connection
    try:
        # Within: the transaction has begun when the lock is refused.
        driver.execute(begin, prepare=False)
        result = work(connection)
    except BaseException:
        if driver.info.transaction_status is not TransactionStatus.UNKNOWN:
            with suppress(psycopg.Error):
                driver.execute("ROLLBACK", prepare=False)
        raise
    try:
        ended = driver.execute("COMMIT", prepare=False).statusmessage
    except psycopg.Error as error:
        if find_fault(error) is Fault.LOST:
            raise _CommitLost from error
        raise
    # PostgreSQL answers COMMIT with ROLLBACK, and no error, after an error that the work has ignored.
    if ended != "COMMIT":
        raise RuntimeError("the transaction was rolled back, because its work went on after an error")
    return result
