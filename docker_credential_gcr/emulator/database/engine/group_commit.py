"""Group commit: one writer runs all queued jobs in one transaction, and acknowledges them after one flush.

Statements and commits run on the event loop, for some microseconds each: a separate thread would cost more
in changes of Python's lock. Only the flushes of SQLite's log run in a thread, one at a time, each for all
transactions that were committed before it began.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database import schema

from .database import Observe
from .errors import is_locked
from .wal import LogFile

T = TypeVar("T")
AcquireLock = Callable[[], AbstractContextManager[None]]

# More jobs in one transaction delay the first caller, and the event loop, without a gain.
_BATCH = 256
# Jobs of a busy server arrive one by one: a transaction begins after _QUIET iterations of the event loop
# without a new job, or after _MOST iterations. An idle iteration takes 5 µs.
_QUIET = 16
_MOST = 32
# A job that waits for no flush shares only a commit, which costs less than waiting for other jobs.
_QUIET_UNFLUSHED = 1
# https://www.sqlite.org/lang_createtrigger.html#temp_triggers_on_non_temp_tables
_NOTE_REVISIONS = (
    f"CREATE TEMP TRIGGER revisions_noted AFTER UPDATE ON main.{schema.revisions.name} "
    "BEGIN SELECT note_revision(); END"
)
# Seconds between two attempts while another program holds the lock; reads are served meanwhile.
_RETRY_S = 0.1


class Writer:
    """The connection that writes; it runs jobs in the order of their arrival.

    If a job or the COMMIT fails, all jobs of the batch run again, each in a separate transaction: no job is
    rolled back for another one's error, so a job may run twice and must change nothing but the database.
    `commits` counts the batches, `revised` those that changed the database's revisions.
    """

    def __init__(
        self,
        connection: Connection,
        log: LogFile,
        acquire: AcquireLock,
        observe: Observe | None,
        *,
        lock_wait_s: float,
    ) -> None:
        self.commits = 0
        self.revised = 0
        self._is_revised = False
        self._acquire = acquire
        self._observe = observe
        self._connection = connection
        # BEGIN by SQLAlchemy costs more than a job.
        self._driver: Any = connection.connection.dbapi_connection
        self._watch_revisions(self._driver)
        self._log = log
        # Reentrant: a thread that reads may begin a transaction.
        self._held = threading.RLock()
        self._queue: deque[Job] = deque()
        self._scheduled = False
        self._committed: list[Job] = []
        self._flushing: list[Job] = []
        self._lock_wait_s = lock_wait_s
        # When to stop waiting for another program's lock; None while no program holds it.
        self._wait_until: float | None = None

    async def write(self, work: Callable[[Connection], T], *, durable: bool) -> T:
        """Returns what `work` returns, once it is committed, and flushed if it is durable."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._put(Job(work, result, durable=durable), loop)
        return await result

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Writes as `write` does, for a caller without an event loop: blocks."""
        job = Job(work, None, durable=True)
        until = time.monotonic() + self._lock_wait_s
        while not self._commit([job]) and time.monotonic() < until:
            time.sleep(_RETRY_S)
        self._flush([job])
        value, error = job.outcome
        if error is not None:
            raise error
        done: T = value
        return done

    def hold(self) -> Connection | None:
        """Returns the connection, to read from until `release`; None while it has a transaction.

        A commit leaves this connection's page cache valid; every other connection drops its cache.
        """
        if not self._held.acquire(blocking=False):
            return None
        # A transaction of this thread: a reader could cache rows that are rolled back.
        if self._driver.in_transaction:
            self._held.release()
            return None
        return self._connection

    def release(self) -> None:
        """Lets other threads write again."""
        self._held.release()

    def close(self) -> None:
        """Runs and flushes the queued jobs."""
        self._log.end_flushes()
        rest = [*self._flushing, *self._committed]
        while self._queue:
            batch = self._take()
            self._commit(batch)
            rest += batch
        self._flush(rest)
        self._flushing, self._committed = [], []
        _acknowledge(rest)

    def _watch_revisions(self, driver: Any) -> None:
        """Makes SQLite report each change of a revision: to read them after every commit takes 5 µs."""

        def note_revision() -> None:
            self._is_revised = True

        driver.create_function("note_revision", 0, note_revision)
        driver.execute("PRAGMA temp_store=MEMORY")
        driver.execute(_NOTE_REVISIONS)

    def _put(self, job: "Job", loop: asyncio.AbstractEventLoop) -> None:
        self._queue.append(job)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._gather, loop, 0, _QUIET if job.durable else _QUIET_UNFLUSHED, _MOST)

    def _gather(self, loop: asyncio.AbstractEventLoop, seen: int, quiet: int, left: int) -> None:
        """Begins a transaction, or waits for another iteration of the loop, which may bring more jobs."""
        count = len(self._queue)
        # In the first iteration the first job is there already.
        quiet = quiet - 1 if seen in (0, count) else _QUIET
        if quiet and left and count < _BATCH:
            loop.call_soon(self._gather, loop, count, quiet, left - 1)
        else:
            self._run(loop)

    def _take(self) -> "list[Job]":
        return [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._take()
        if not batch:  # `close` ran the jobs meanwhile
            return
        if not self._commit(batch) and self._waits():
            self._queue.extendleft(reversed(batch))
            loop.call_later(_RETRY_S, self._run, loop)
            return
        _acknowledge([job for job in batch if not job.durable])
        self._committed += [job for job in batch if job.durable]
        self._start_flush(loop)
        self._scheduled = bool(self._queue)
        if self._scheduled:
            loop.call_soon(self._run, loop)

    def _waits(self) -> bool:
        """Returns whether to wait for the lock; after one wait in vain, every write is refused at once."""
        now = time.monotonic()
        if self._wait_until is None:
            self._wait_until = now + self._lock_wait_s
        return now < self._wait_until

    def _start_flush(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._committed and not self._flushing:
            self._flushing, self._committed = self._committed, []
            self._log.begin_flush(loop, self._end_flush)

    def _end_flush(self, failure: OSError | None) -> None:
        batch, self._flushing = self._flushing, []
        if failure is not None:
            _fail(batch, failure)
        _acknowledge(batch)
        self._start_flush(asyncio.get_running_loop())

    def _commit(self, batch: "list[Job]") -> bool:
        """Runs the jobs in one transaction; returns False if another program holds the lock."""
        began = time.perf_counter()
        with self._held, self._acquire():
            failure = self._attempt(batch)
            if failure is not None and is_locked(failure):
                return False
            if failure is not None and len(batch) > 1:
                # Separately: one job may lack disk space that another does not need.
                for job in batch:
                    self._attempt([job])
            self._wait_until = None
            self.commits += 1
            self.revised += self._is_revised
            self._is_revised = False
        if self._observe is not None:
            self._observe(len(batch), time.perf_counter() - began)
        return True

    def _attempt(self, batch: "list[Job]") -> Exception | None:
        """Runs the jobs in one transaction, all or none; returns the error of a job or of COMMIT."""
        try:
            self._driver.execute("BEGIN IMMEDIATE")
            for job in batch:
                job.outcome = (job.work(self._connection), None)
            self._driver.execute("COMMIT")
        except Exception as failure:  # noqa: BLE001 - the caller of the job gets it
            # On a full disk SQLite itself has rolled back.
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")
            for job in batch:
                job.outcome = (None, failure)
            return failure
        return None

    def _flush(self, batch: "list[Job]") -> None:
        try:
            self._log.flush()
        except OSError as failure:
            _fail(batch, failure)


class Job:
    """One caller's work, and its result or error."""

    __slots__ = ("durable", "outcome", "result", "work")

    def __init__(
        self, work: Callable[[Connection], Any], result: asyncio.Future[Any] | None, *, durable: bool
    ) -> None:
        self.work = work
        self.result = result
        self.durable = durable
        self.outcome: tuple[Any, BaseException | None] = (None, None)


def _fail(batch: list[Job], failure: OSError) -> None:
    for job in batch:
        if job.outcome[1] is None:
            job.outcome = (None, failure)


def _acknowledge(batch: list[Job]) -> None:
    for job in batch:
        value, error = job.outcome
        # A cancelled caller does not wait for the result.
        if job.result is None or job.result.done():
            continue
        if error is None:
            job.result.set_result(value)
        else:
            job.result.set_exception(error)
