"""The database: reads on a connection of the caller's thread, writes in order through one writer."""

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
    insert,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.runtime.files import create_private_file

from . import snapshot
from .errors import DamagedDatabase, IncompatibleDatabase, is_damage
from .group_commit import Observe, Writer
from .statement import Statement
from .wal import LogFile
from .write_lock import WriteLock

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # The writer flushes the log itself, before it acknowledges.
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
)
# The writer's, which waits on the event loop, where it delays all requests: for what a checkpoint holds.
_WRITER_BUSY = "PRAGMA busy_timeout=10"
_VERSION = Statement(text("PRAGMA data_version"))
_REVISIONS = Statement(select(schema.revisions.c.subject, schema.revisions.c.number))


class Database:
    """SQLite in WAL mode; one writer, which commits what has queued meanwhile in one transaction.

    A write is acknowledged only after the transaction that holds it was committed, and, unless the
    caller can do with less, flushed to the disk. `shared` says that other processes write to it too.
    """

    def __init__(
        self, path: Path, *, shared: bool = False, observe: Observe | None = None, lock_wait_s: float = 5.0
    ) -> None:
        """`observe` is told how many writes each transaction had, and how many seconds it took.

        A write waits `lock_wait_s` for a lock that another program holds.
        """
        self._shared = shared
        # The event loop's, which does nearly all of the reading.
        self._home = threading.get_ident()
        # SQLite gives its log and its index the mode of the database.
        create_private_file(path)
        self._engine = _connect(path)
        try:
            _prepare(self._engine, path)
        except DatabaseError as error:
            if not is_damage(error.orig):
                raise
            raise DamagedDatabase(path, str(error.orig)) from error
        self._read_connections: list[Connection] = []
        self._reader = _Reader(self._engine, self._read_connections)
        self._scanning = asyncio.Lock()
        # The revisions, as they were at a version.
        self._revised_at = self._access = self._control = -1
        self._writing = self._engine.connect()
        self._writing.exec_driver_sql(_WRITER_BUSY)
        self._log = LogFile(path)
        self._lock = WriteLock(path.with_name("turns.lock")) if shared else None
        acquire = self._lock.acquire if self._lock else nullcontext
        self._writer = Writer(self._writing, self._log, acquire, observe, lock_wait_s=lock_wait_s)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Returns what `work` reads; it sees every committed write.

        It is a plain function that changes nothing, runs on the event loop, and so must be short; what it
        reads it fetches before it returns. Within a write it sees nothing of that write, which may be undone.
        """
        return self.read_now(work)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """As `read`, for callers without an event loop, in any thread."""
        with self._reading() as connection:
            return work(connection)

    def _reading(self) -> AbstractContextManager[Connection]:
        if threading.get_ident() == self._home:
            connection = self._writer.hold()
            if connection is not None:
                return _Held(connection, self._writer.release)
        return nullcontext(self._reader.connection)

    async def scan(self, work: Callable[[Connection], T]) -> T:
        """Returns what `work` reads of many rows, without keeping other requests waiting.

        It runs in a thread, and one such read runs at a time.
        """

        async with self._scanning:
            return await asyncio.to_thread(self.read_now, work)

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Runs `work` on the writer's connection and returns its result once it is committed.

        It runs on the event loop, and so must be short; it may run twice, and so must change nothing
        but the database. What it raises undoes this call's changes alone, and is raised here. What is
        not durable outlives this process, however it ends, and not the machine's loss of power.
        """
        return await self._writer.write(work, durable=durable)

    async def add(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Runs `work` as `write` does, where it takes nothing away that other work may rely on.

        Two additions may run at the same time, and each must then leave what it would have left alone: they
        insert what may be there already, and find out by the insertion. On SQLite an addition is a write.
        """
        return await self._writer.write(work, durable=durable)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` as `write` does, for callers without an event loop."""
        return self._writer.write_now(work)

    def version(self) -> int:
        """Returns a number that changes with every commit, before the write is acknowledged.

        Where the database is shared by processes each thread has numbers of its own.
        https://www.sqlite.org/pragma.html#pragma_data_version
        """
        if not self._shared:
            return self._writer.commits
        row = _VERSION.one(self._reader.connection, {})
        return int(row[0]) if row else -1

    def access_version(self) -> int:
        """Returns a number as `version`, of what decides about access: projects, policies, accounts, keys."""
        self._load_revisions()
        return self._access

    def control_version(self) -> int:
        """Returns a number as `version`, of what a test has set: the clock, the faults, the machine."""
        self._load_revisions()
        return self._control

    def _load_revisions(self) -> None:
        """Reads the revisions where they may have changed."""
        # Before the rows: a commit meanwhile has them read again.
        version = self.version() if self._shared else self._writer.revised
        if version == self._revised_at:
            return
        self._revised_at = version
        revisions = self.read_now(_list_revisions)
        self._access = revisions.get(schema.ACCESS, -1)
        self._control = revisions.get(schema.CONTROL, -1)

    def close(self) -> None:
        """Finish what is queued, then close the connections."""
        self._writer.close()
        self._log.close()
        self._writing.close()
        for connection in self._read_connections:
            connection.close()
        if self._lock is not None:
            self._lock.close()
        self._engine.dispose()


class _Held:
    """A connection for as long as a block lasts."""

    __slots__ = ("_connection", "_release")

    def __init__(self, connection: Connection, release: Callable[[], None]) -> None:
        self._connection = connection
        self._release = release

    def __enter__(self) -> Connection:
        """The connection."""
        return self._connection

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._release()


class _Reader(threading.local):
    """A connection for each thread that reads: opening one for each read costs more than most reads."""

    def __init__(self, engine: Engine, opened: list[Connection]) -> None:
        """Runs once in each thread that asks for the connection."""
        self.connection = engine.connect()
        opened.append(self.connection)


def _connect(path: Path) -> Engine:
    # AUTOCOMMIT: the writer says BEGIN and COMMIT itself, and a read never holds an old snapshot.
    engine = create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            dbapi_connection.execute(pragma)

    return engine


def _prepare(engine: Engine, path: Path) -> None:
    with engine.connect() as connection:
        tables = set(
            connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        )
        if not tables:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            schema.metadata.create_all(connection)
            connection.execute(insert(schema.alembic_version).values(version_num=schema.REVISION))
            connection.exec_driver_sql("COMMIT")
        elif schema.alembic_version.name in tables and (old := _find_revision(connection)) != schema.REVISION:
            _migrate(connection, path, old)
        elif lacking := sorted(set(schema.metadata.tables) - tables):
            raise DamagedDatabase(path, f"it has no table {lacking[0]}")


def _list_revisions(connection: Connection) -> dict[str, int]:
    return dict(_REVISIONS.all(connection, {}))


def _find_revision(connection: Connection) -> str:
    return str(connection.execute(select(schema.alembic_version.c.version_num)).scalar_one_or_none())


def _migrate(connection: Connection, path: Path, revision: str) -> None:
    """Bring an older database to the present schema, all of it or nothing; a copy stays beside it."""
    # 93 ms, which a database of this revision need not pay.
    from docker_credential_gcr.emulator.database import migrations

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
