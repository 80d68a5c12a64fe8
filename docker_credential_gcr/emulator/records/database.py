"""The database: reads on the caller's thread, writes in order on a thread of their own."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select

from . import schema

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
)
# More than this in one transaction delays the first caller for no gain.
_BATCH = 256


class IncompatibleDatabase(Exception):
    """The database was made by another version of the emulator."""

    def __init__(self, path: Path, revision: str) -> None:
        super().__init__(
            f"{path} is of revision {revision!r}, this gcr-emulator writes {schema.REVISION!r}: "
            "use the version that made it, or another --data"
        )


class Database:
    """SQLite in WAL mode; one writer, which commits what has queued meanwhile in one transaction.

    A write is acknowledged only after the transaction that holds it was flushed to the disk.
    """

    def __init__(self, path: Path, observe: Callable[[int, float], None] | None = None) -> None:
        """`observe` is told how many writes each transaction had, and how many seconds it took."""
        self._engine = _connect(path)
        self._observe = observe
        self._commits = 0
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        _prepare(self._engine, path)
        self._writer = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._writer.start()

    def read(self) -> Connection:
        """A connection that sees every committed write: `with database.read() as connection`."""
        return self._engine.connect()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the writer's connection and return its result once it is committed.

        What `work` raises undoes this call's changes alone, and is raised here.
        """
        return await asyncio.wrap_future(self.submit(work))

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """As `write`, for callers without an event loop."""
        return self.submit(work).result()

    def version(self) -> int:
        """A number that changes with every commit, before the write is acknowledged.

        The data directory belongs to this process, so all commits are this object's.
        """
        return self._commits

    def close(self) -> None:
        """Finish what is queued, then close the connections."""
        self._jobs.put(None)
        self._writer.join()
        self._engine.dispose()

    def submit(self, work: Callable[[Connection], T]) -> "Future[T]":
        """As `write`, for callers that wait for the result in a way of their own."""
        job = _Job(work)
        self._jobs.put(job)
        return job.future

    def _run(self) -> None:
        with self._engine.connect() as connection:
            while (job := self._jobs.get()) is not None:
                batch = [job]
                while len(batch) < _BATCH and not self._jobs.empty():
                    following = self._jobs.get()
                    if following is None:
                        self._jobs.put(None)
                        break
                    batch.append(following)
                began = time.perf_counter()
                _commit(connection, batch)
                self._commits += 1
                if self._observe is not None:
                    self._observe(len(batch), time.perf_counter() - began)
                _acknowledge(batch)


class _Job:
    """One caller's work, and where its result goes."""

    __slots__ = ("future", "outcome", "work")

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.outcome: tuple[Any, BaseException | None] = (None, None)


def _commit(connection: Connection, batch: "list[_Job]") -> None:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        for job in batch:
            _attempt(connection, job)
        connection.exec_driver_sql("COMMIT")
    except Exception as failure:  # noqa: BLE001 - a full disk fails the batch, not the writer
        if _is_in_transaction(connection):
            connection.exec_driver_sql("ROLLBACK")
        for job in batch:
            job.outcome = (None, failure)


def _acknowledge(batch: "list[_Job]") -> None:
    for job in batch:
        result, error = job.outcome
        if not job.future.set_running_or_notify_cancel():
            continue
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)


def _attempt(connection: Connection, job: "_Job") -> None:
    connection.exec_driver_sql("SAVEPOINT job")
    try:
        job.outcome = (job.work(connection), None)
    except Exception as error:
        # SQLite undoes the whole transaction by itself when the disk is full: all of the batch has failed.
        if not _is_in_transaction(connection):
            raise
        # It belongs to the caller, who gets it.
        connection.exec_driver_sql("ROLLBACK TO job")
        job.outcome = (None, error)
    connection.exec_driver_sql("RELEASE job")


def _is_in_transaction(connection: Connection) -> bool:
    driver_connection: Any = connection.connection.driver_connection
    return bool(driver_connection.in_transaction)


def _connect(path: Path) -> Engine:
    # AUTOCOMMIT: the writer says BEGIN and COMMIT itself, and a read never holds an old snapshot.
    engine = create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")

    @event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            dbapi_connection.execute(pragma)

    return engine


def _prepare(engine: Engine, path: Path) -> None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            schema.metadata.create_all(connection)
            connection.execute(insert(schema.alembic_version).values(version_num=schema.REVISION))
            connection.exec_driver_sql("COMMIT")
        revision = connection.execute(select(schema.alembic_version.c.version_num)).scalar_one_or_none()
        if revision != schema.REVISION:
            raise IncompatibleDatabase(path, str(revision))
