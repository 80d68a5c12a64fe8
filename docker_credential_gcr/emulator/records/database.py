"""The database: reads on the caller's thread, writes in order on a thread of their own."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.exc import DatabaseError

from docker_credential_gcr.emulator.crash_points import reach

from . import schema, snapshot

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
)
# More than this in one transaction delays the first caller for no gain.
_BATCH = 256


class UnusableDatabase(Exception):
    """The database cannot be used as it is."""


class DamagedDatabase(UnusableDatabase):
    """SQLite cannot read it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is damaged ({reason}): see what is left with gcr-emulator fsck --data {path.parent}, "
            "and make a new one with gcr-emulator rebuild"
        )


class IncompatibleDatabase(UnusableDatabase):
    """The database was made by a newer version of the emulator, or by something else."""

    def __init__(self, path: Path, revision: str) -> None:
        super().__init__(
            f"{path} is of revision {revision!r}, this gcr-emulator writes {schema.REVISION!r}: "
            "use the version that made it, or another --data"
        )


class Database:
    """SQLite in WAL mode; one writer, which commits what has queued meanwhile in one transaction.

    A write is acknowledged only after the transaction that holds it was flushed to the disk.
    """

    def __init__(self, path: Path) -> None:
        self._engine = _connect(path)
        self._commits = 0
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        try:
            _prepare(self._engine, path)
        except DatabaseError as error:
            # Its subclasses tell of other things, such as a full disk.
            if type(error.orig) is not sqlite3.DatabaseError:
                raise
            raise DamagedDatabase(path, str(error.orig)) from error
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
                _commit(connection, batch)
                self._commits += 1
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
        if connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]
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
    except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
        connection.exec_driver_sql("ROLLBACK TO job")
        job.outcome = (None, error)
    connection.exec_driver_sql("RELEASE job")


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
        elif (revision := _find_revision(connection)) != schema.REVISION:
            _migrate(connection, path, revision)


def _find_revision(connection: Connection) -> str:
    return str(connection.execute(select(schema.alembic_version.c.version_num)).scalar_one_or_none())


def _migrate(connection: Connection, path: Path, revision: str) -> None:
    """Bring an older database to the present schema, all of it or nothing; a copy stays beside it."""
    # 93 ms, which a database of this revision need not pay.
    from . import migrations

    if not migrations.is_known(revision):
        raise IncompatibleDatabase(path, revision)
    snapshot.save(connection, path.with_name(f"{path.name}.{revision}"))
    reach("migration-saved")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        migrations.migrate(connection)
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
    reach("migration-committed")
