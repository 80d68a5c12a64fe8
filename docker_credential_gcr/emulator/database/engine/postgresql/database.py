"""PostgreSQL database: work runs in threads, each with a connection; many servers share the database."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import Observe
from docker_credential_gcr.emulator.runtime.errors import DatabaseUnavailable

from .connections import connect_engine
from .sessions import Session, SessionThreads, check_pooling, find_end
from .validation import Validation

T = TypeVar("T")
Work = Callable[[Connection], T]

_THREADS = 8
# With the one of the validation.
CONNECTIONS = _THREADS + 1
# Writes that may wait for the lock at a time: at least one thread is left for reads.
_ALONE, _TOGETHER = 1, 6
# Seconds that a request waits for the database; PostgreSQL's own time-outs come first where it lives.
_LONGEST_S = 12.0
_LONGEST_SCAN_S = 600.0


class PostgresDatabase:
    """A database with its schema; engine/database.py documents the methods.

    Lost connections are opened again. A write that is not durable survives
    the end of this process; a crash of PostgreSQL within its `wal_writer_delay` loses it.
    """

    is_remote = True

    def __init__(
        self, url: str, *, observe: Observe | None = None, follow: Callable[[float], None] = lambda _: None
    ) -> None:
        """`follow` gets the seconds that the database's clock is ahead, when they have changed."""
        self._observe = observe
        self._engine = connect_engine(url)
        self._validation = Validation(self._engine, follow)
        self._threads = SessionThreads(self._engine, _THREADS)
        self._scanning = asyncio.Semaphore(1)
        self._alone = asyncio.Semaphore(_ALONE)
        self._together = asyncio.Semaphore(_TOGETHER)

    def connect(self) -> None:
        """Opens all connections. Raises DatabaseUnavailable, UnusableDatabase, what PostgreSQL refuses."""
        for session in self._threads.sessions:
            session.open()
        check_pooling(self._threads.sessions)
        self._validation.connect()

    async def refresh(self) -> None:
        """Asks for the versions, with one query for all requests that wait. Raises DatabaseUnavailable."""
        await self._validation.refresh()

    async def read(self, work: Work[T]) -> T:
        """Returns what `work` reads, in a thread."""
        return await self._threads.run(partial(Session.read, work=work), _LONGEST_S)

    def read_now(self, work: Work[T]) -> T:
        """Reads as `read` does, for callers without an event loop: blocks."""
        return self._threads.run_now(partial(Session.read, work=work))

    async def scan(self, work: Work[T]) -> T:
        """Returns what `work` reads, all of one moment; one scan at a time."""
        await _acquire(self._scanning, _LONGEST_S)
        try:
            return await self._threads.run(partial(Session.scan, work=work), _LONGEST_SCAN_S)
        finally:
            self._scanning.release()

    def scan_now(self, work: Work[T]) -> T:
        """Scans as `scan` does, for callers without an event loop: blocks, for however long it takes."""
        return self._threads.run_now(partial(Session.scan, work=work))

    async def write(self, work: Work[T], *, durable: bool = True) -> T:
        """Runs `work` alone: no other write of any server runs meanwhile."""
        return await self._write(work, alone=True, durable=durable)

    async def add(self, work: Work[T], *, durable: bool = True) -> T:
        """Runs `work` while other additions run, but no write of `write`."""
        return await self._write(work, alone=False, durable=durable)

    async def _write(self, work: Work[T], *, alone: bool, durable: bool) -> T:
        began = time.perf_counter()
        running = self._alone if alone else self._together
        await _acquire(running, _LONGEST_S)
        try:
            call = partial(Session.write, work=work, alone=alone, durable=durable)
            result = await self._threads.run(call, began + _LONGEST_S - time.perf_counter())
        finally:
            running.release()
        self._count(began)
        return result

    def write_now(self, work: Work[T]) -> T:
        """Writes as `write` does, for callers without an event loop: blocks."""
        began = time.perf_counter()
        result = self._threads.run_now(partial(Session.write, work=work, alone=True, durable=True))
        self._count(began)
        return result

    def _count(self, began: float) -> None:
        self._validation.count_commit()
        if self._observe is not None:
            self._observe(1, time.perf_counter() - began)

    def version(self) -> int:
        """Returns a number that differs after a refresh if any server has committed."""
        return self._validation.version

    def access_version(self) -> int:
        """Returns a number that differs after a refresh if projects, policies, accounts or keys do."""
        return self._validation.access

    def control_version(self) -> int:
        """Returns a number that differs after a refresh if the control state does."""
        return self._validation.control

    def find_skew(self) -> float:
        """Returns how many seconds the database's clock is ahead of this machine's, to half a second."""
        return self._validation.skew_s

    def close(self) -> None:
        """Finishes the work that was given to it, then closes the connections."""
        until = find_end()
        self._threads.close(until)
        self._validation.close(until)
        self._engine.dispose()


async def _acquire(semaphore: asyncio.Semaphore, limit_s: float) -> None:
    """Waits for the semaphore. Raises DatabaseUnavailable if that takes too long."""
    if not semaphore.locked():  # `wait_for` starts a task
        await semaphore.acquire()
        return
    try:
        await asyncio.wait_for(semaphore.acquire(), limit_s)
    except asyncio.TimeoutError:
        raise DatabaseUnavailable from None
