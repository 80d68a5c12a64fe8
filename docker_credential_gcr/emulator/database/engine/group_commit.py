"""The one writer: what has queued is done in one transaction, and acknowledged once that is on the disk.

Statements and commits run on the event loop, for some microseconds each; a thread of their own would
cost more in handing Python's lock to and fro. Only what waits for the disk leaves the loop: one flush
of SQLite's log at a time, for all that was committed before it began.
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

from .errors import is_locked
from .wal import LogFile

T = TypeVar("T")
# Told how many writes a transaction had, and how many seconds it took.
Observe = Callable[[int, float], None]
AcquireLock = Callable[[], AbstractContextManager[None]]

# More than this in one transaction delays the first caller, and the event loop, for no gain.
_BATCH = 256
# Jobs of a busy server come one by one: a transaction begins when so many turns of the event loop brought
# no more of them, but after so many turns at the latest. A turn in which nothing happens takes 5 µs.
_QUIET_TURNS = 16
_TURNS = 32
# A job that waits for no flush shares nothing but a commit, which costs less than waiting for others.
_FEW_TURNS = 1
# https://www.sqlite.org/lang_createtrigger.html#temp_triggers_on_non_temp_tables
_NOTE_REVISIONS = (
    f"CREATE TEMP TRIGGER revisions_noted AFTER UPDATE ON main.{schema.revisions.name} "
    "BEGIN SELECT note_revision(); END"
)
# Another program's lock is waited for between attempts, in which requests that only read are answered.
_RETRY_S = 0.1


class Writer:
    """A connection that writes; jobs are done in the order in which they were put.

    Where a job fails, or keeps a transaction from being committed, all are done again, each in a transaction
    of its own: so none is undone with another, and a job changes nothing but the database. `commits` counts
    the batches, each of which is one turn of this process; `revised` those after which the database's
    revisions are others.
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
        # SQLAlchemy's own way to say BEGIN costs more than a job does.
        self._driver: Any = connection.connection.dbapi_connection
        self._watch_revisions(self._driver)
        self._log = log
        # Of one thread at a time, which may begin a transaction while it reads.
        self._held = threading.RLock()
        self._queue: deque[Job] = deque()
        self._scheduled = False
        self._committed: list[Job] = []
        self._flushing: list[Job] = []
        self._lock_wait_s = lock_wait_s
        # Until when the lock is waited for; None while there is none.
        self._patient_until: float | None = None

    async def write(self, work: Callable[[Connection], T], *, durable: bool) -> T:
        """What `work` returns, once it is committed, and flushed if it is to be durable."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._put(Job(work, result, durable=durable), loop)
        return await result

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """As `write`, for a caller without an event loop: it waits."""
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

        Only its own pages stay in SQLite's cache when it commits: any other connection drops all of its.
        """
        if not self._held.acquire(blocking=False):
            return None
        # This thread's own transaction: a reader must not remember what may be undone.
        if self._driver.in_transaction:
            self._held.release()
            return None
        return self._connection

    def release(self) -> None:
        """Let other threads write again."""
        self._held.release()

    def close(self) -> None:
        """Finish what is queued."""
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
        """Has SQLite tell of each change of a revision: to read them after every commit takes 5 µs."""

        def note_revision() -> None:
            self._is_revised = True

        driver.create_function("note_revision", 0, note_revision)
        driver.execute("PRAGMA temp_store=MEMORY")
        driver.execute(_NOTE_REVISIONS)

    def _put(self, job: "Job", loop: asyncio.AbstractEventLoop) -> None:
        self._queue.append(job)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._gather, loop, 0, _QUIET_TURNS if job.durable else _FEW_TURNS, _TURNS)

    def _gather(self, loop: asyncio.AbstractEventLoop, seen: int, quiet: int, left: int) -> None:
        """Begin a transaction, or wait for another turn of the loop, which may bring more jobs."""
        count = len(self._queue)
        # The first job has come already.
        quiet = quiet - 1 if seen in (0, count) else _QUIET_TURNS
        if quiet and left and count < _BATCH:
            loop.call_soon(self._gather, loop, count, quiet, left - 1)
        else:
            self._run(loop)

    def _take(self) -> "list[Job]":
        return [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._take()
        if not batch:  # it was closed meanwhile
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
        """Tells whether to wait for the lock; after a wait without success each write is refused at once."""
        now = time.monotonic()
        if self._patient_until is None:
            self._patient_until = now + self._lock_wait_s
        return now < self._patient_until

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
        """Does the jobs in one transaction; returns False if another program holds the lock."""
        began = time.perf_counter()
        with self._held, self._acquire():
            failure = self._attempt(batch)
            if failure is not None and is_locked(failure):
                return False
            if failure is not None and len(batch) > 1:
                # Each tells alone whether it fails: another may not need the space that one lacks.
                for job in batch:
                    self._attempt([job])
            self._patient_until = None
            self.commits += 1
            self.revised += self._is_revised
            self._is_revised = False
        if self._observe is not None:
            self._observe(len(batch), time.perf_counter() - began)
        return True

    def _attempt(self, batch: "list[Job]") -> Exception | None:
        """Does the jobs in one transaction, or none of them; returns what one of them, or COMMIT, raised."""
        try:
            self._driver.execute("BEGIN IMMEDIATE")
            for job in batch:
                job.outcome = (job.work(self._connection), None)
            self._driver.execute("COMMIT")
        except Exception as failure:  # noqa: BLE001 - it belongs to the caller of the job, who gets it
            # On a full disk SQLite has rolled back by itself.
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
    """One caller's work, and what became of it."""

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
        # Nobody waits any more for what was cancelled.
        if job.result is None or job.result.done():
            continue
        if error is None:
            job.result.set_result(value)
        else:
            job.result.set_exception(error)
