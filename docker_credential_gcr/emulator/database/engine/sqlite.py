"""SQLite database: reads on a connection of the caller's thread, writes in order through one writer."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    NullPool,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.runtime.files import create_private_file

from .database import Observe
from .errors import DamagedDatabase, is_damage
from .group_commit import Writer
from .prepare import prepare
from .statement import Statement
from .wal import LogFile
from .write_lock import WriteLock

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # The writer itself flushes the log before it acknowledges.
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
)
# For the writer, which waits on the event loop and so delays all requests: enough for a checkpoint.
_WRITER_BUSY = "PRAGMA busy_timeout=10"
_VERSION = Statement(text("PRAGMA data_version"))
_REVISIONS = Statement(select(schema.revisions.c.subject, schema.revisions.c.number))


class SqliteDatabase:
    """SQLite in WAL mode; one writer commits all queued writes in one transaction.

    A write is acknowledged after its transaction is committed, and flushed to the disk unless the caller
    passes `durable=False`. `shared`: other processes write to the database, too.
    """

    is_remote = False

    def __init__(
        self, path: Path, *, shared: bool = False, observe: Observe | None = None, lock_wait_s: float = 5.0
    ) -> None:
        """Opens the database; creates or migrates it first if needed. Raises UnusableDatabase.

        `observe` is called after each transaction. A write waits `lock_wait_s` for another program's lock.
        """
        self._shared = shared
        # The thread of the event loop, which runs nearly all reads.
        self._home = threading.get_ident()
        # SQLite gives the mode of the database to its log and index.
        create_private_file(path)
        self._engine = _connect(path)
        try:
            prepare(self._engine, path)
        except DatabaseError as error:
            if not is_damage(error.orig):
                raise
            raise DamagedDatabase(path, str(error.orig)) from error
        self._read_connections: list[Connection] = []
        self._reader = _Reader(self._engine, self._read_connections)
        self._scanning = asyncio.Lock()
        # The revisions, read at the version `_revised_at`.
        self._revised_at = self._access = self._control = -1
        self._writing = self._engine.connect()
        self._writing.exec_driver_sql(_WRITER_BUSY)
        self._log = LogFile(path)
        self._lock = WriteLock(path.with_name("turns.lock")) if shared else None
        acquire = self._lock.acquire if self._lock else nullcontext
        self._writer = Writer(self._writing, self._log, acquire, observe, lock_wait_s=lock_wait_s)

    async def refresh(self) -> None:
        """Does nothing: the versions are always the present ones."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Returns what `work` reads; it sees every committed write.

        `work` is a plain function that changes nothing and fetches all rows before it returns. It runs on the
        event loop, so it must be short. Within a write it does not see that write, which may be rolled back.
        """
        return self.read_now(work)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Reads as `read` does, for callers without an event loop, in any thread."""
        with self._reading() as connection:
            return work(connection)

    def _reading(self) -> AbstractContextManager[Connection]:
        if threading.get_ident() == self._home:
            connection = self._writer.hold()
            if connection is not None:
                return _Held(connection, self._writer.release)
        return nullcontext(self._reader.connection)

    async def scan(self, work: Callable[[Connection], T]) -> T:
        """Returns what `work` reads of many rows: in a thread, where no request waits, one scan at a time."""
        async with self._scanning:
            return await asyncio.to_thread(self.scan_now, work)

    def scan_now(self, work: Callable[[Connection], T]) -> T:
        """Scans as `scan` does, for callers without an event loop."""
        return self.read_now(work)

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Runs `work` on the writer's connection and returns its result once it is committed.

        `work` runs on the event loop, so it must be short; it may run twice, so it must change nothing but
        the database. An error of `work` rolls back the changes of this call alone, and is raised here. A
        write that is not durable survives the end of this process, even SIGKILL, but not a loss of power.
        """
        return await self._writer.write(work, durable=durable)

    async def add(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Runs `work` as `write` does; `work` only adds, and removes nothing that other work relies on.

        Two additions may run at the same time, and the result must be as if they ran one after the other: a
        row may exist already, and the INSERT itself finds out. On SQLite an addition is a write.
        """
        return await self._writer.write(work, durable=durable)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Writes as `write` does, for callers without an event loop: blocks."""
        return self._writer.write_now(work)

    def version(self) -> int:
        """Returns a number that changes with every commit, before the write is acknowledged.

        If processes share the database, each thread has separate numbers.
        https://www.sqlite.org/pragma.html#pragma_data_version
        """
        if not self._shared:
            return self._writer.commits
        row = _VERSION.one(self._reader.connection, {})
        return int(row[0]) if row else -1

    def access_version(self) -> int:
        """Returns a number that changes with each change of access: of projects, policies, accounts, keys."""
        self._load_revisions()
        return self._access

    def control_version(self) -> int:
        """Returns a number that changes with the control state: the clock, the faults, the machine."""
        self._load_revisions()
        return self._control

    def _load_revisions(self) -> None:
        """Reads the revisions if they may have changed."""
        # The version first: after a commit in between, the next call reads them again.
        version = self.version() if self._shared else self._writer.revised
        if version == self._revised_at:
            return
        self._revised_at = version
        revisions = self.read_now(_list_revisions)
        self._access = revisions.get(schema.ACCESS, -1)
        self._control = revisions.get(schema.CONTROL, -1)

    def find_skew(self) -> float:
        """Returns 0: SQLite has this machine's clock."""
        return 0.0

    def close(self) -> None:
        """Runs the queued writes, then closes the connections."""
        self._writer.close()
        self._log.close()
        self._writing.close()
        for connection in self._read_connections:
            connection.close()
        if self._lock is not None:
            self._lock.close()
        self._engine.dispose()


class _Held:
    """A connection that is held for a block."""

    __slots__ = ("_connection", "_release")

    def __init__(self, connection: Connection, release: Callable[[], None]) -> None:
        self._connection = connection
        self._release = release

    def __enter__(self) -> Connection:
        """Returns the connection."""
        return self._connection

    def __exit__(self, *_: object) -> None:
        """Releases the connection."""
        self._release()


class _Reader(threading.local):
    """A connection for each thread that reads: opening one for each read costs more than most reads."""

    def __init__(self, engine: Engine, opened: list[Connection]) -> None:
        """Connects; runs once in each thread that asks for the connection."""
        self.connection = engine.connect()
        opened.append(self.connection)


def _connect(path: Path) -> Engine:
    # AUTOCOMMIT: the writer itself sends BEGIN and COMMIT, and a read never holds an old snapshot.
    # Parameters, which may be keys, stay out of errors and so out of tracebacks.
    engine = create_engine(
        f"sqlite:///{path}", isolation_level="AUTOCOMMIT", poolclass=NullPool, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            dbapi_connection.execute(pragma)

    return engine


def _list_revisions(connection: Connection) -> dict[str, int]:
    return dict(_REVISIONS.all(connection, {}))
