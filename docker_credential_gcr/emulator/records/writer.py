"""The one writer: what has queued is done in one transaction, and acknowledged once that is committed.

Statements run on the event loop, for a few microseconds each; a thread of their own would cost more in
handing Python's lock to and fro. Only what waits for the disk, a commit that is flushed, leaves the loop.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

# More than this in one transaction delays the first caller, and the event loop, for no gain.
_BATCH = 256


class Writer:
    """A connection that writes; jobs are done in the order in which they were put.

    A job that fails is undone alone. One batch is open at a time: on the event loop, then, while it
    is being flushed, in a thread. `commits` counts the transactions.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # SQLAlchemy's own way to say BEGIN costs more than a job does.
        self._driver: Any = connection.connection.dbapi_connection
        self._flushes = True
        self.commits = 0
        self._transaction = threading.Lock()
        self._queue: deque[Job] = deque()
        self._flushing: list[Job] = []
        self._scheduled = False
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="database-flush")

    async def write(self, work: Callable[[Connection], T], *, durable: bool) -> T:
        """What `work` returns, once it is committed, and flushed if it is to be durable."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._queue.append(Job(work, result, durable=durable))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._start, loop)
        return await result

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """As `write`, for a caller without an event loop: it waits."""
        job = Job(work, None, durable=True)
        with self._transaction:
            self._do([job])
            self._commit([job])
        value, error = job.outcome
        if error is not None:
            raise error
        done: T = value
        return done

    def close(self) -> None:
        """Finish what is queued."""
        self._disk.shutdown()
        if self._flushing:
            self._end(None)
        while self._queue:
            batch = self._take()
            with self._transaction:
                self._do(batch)
                self._commit(batch)
            _acknowledge(batch)

    def _take(self) -> "list[Job]":
        return [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._take()
        self._transaction.acquire()
        self._do(batch)
        if any(job.durable for job in batch):
            self._flushing = batch
            self._disk.submit(self._flush, loop)
        else:
            self._commit(batch)
            self._transaction.release()
            _acknowledge(batch)
            self._go_on(loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._commit(self._flushing)
        # A loop that has ended waits for nothing.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._end, loop)

    def _end(self, loop: asyncio.AbstractEventLoop | None) -> None:
        batch, self._flushing = self._flushing, []
        if not batch:
            return
        self._transaction.release()
        _acknowledge(batch)
        if loop is not None:
            self._go_on(loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = bool(self._queue)
        if self._scheduled:
            loop.call_soon(self._start, loop)

    def _do(self, batch: "list[Job]") -> None:
        try:
            self._flush_on_commit(any(job.durable for job in batch))
            self._driver.execute("BEGIN IMMEDIATE")
            for job in batch:
                self._attempt(job)
        except Exception as failure:  # noqa: BLE001 - a full disk fails the batch, not the writer
            self._fail(batch, failure)

    def _attempt(self, job: "Job") -> None:
        self._driver.execute("SAVEPOINT job")
        try:
            job.outcome = (job.work(self._connection), None)
        except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            self._driver.execute("ROLLBACK TO job")
            job.outcome = (None, error)
        self._driver.execute("RELEASE job")

    def _commit(self, batch: "list[Job]") -> None:
        try:
            if self._driver.in_transaction:
                self._driver.execute("COMMIT")
                self.commits += 1
        except Exception as failure:  # noqa: BLE001 - as above
            self._fail(batch, failure)

    def _fail(self, batch: "list[Job]", failure: Exception) -> None:
        if self._driver.in_transaction:
            self._driver.execute("ROLLBACK")
        for job in batch:
            job.outcome = (None, failure)

    def _flush_on_commit(self, flushes: bool) -> None:
        """The next flush covers what was committed without one: there is one log for all.

        https://www.sqlite.org/pragma.html#pragma_synchronous
        """
        if flushes != self._flushes:
            self._driver.execute(f"PRAGMA synchronous={'FULL' if flushes else 'NORMAL'}")
            self._flushes = flushes


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
