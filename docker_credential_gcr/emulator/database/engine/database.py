"""Database interface: reads and writes of plain functions, which SQLite and PostgreSQL run alike."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

# Called with the number of writes in a transaction and the seconds it took.
Observe = Callable[[int, float], None]


class BlockingDatabase(Protocol):
    """The calls of a database for callers without an event loop, in any thread: they block."""

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Reads as `Database.read` does."""

    def scan_now(self, work: Callable[[Connection], T]) -> T:
        """Reads as `Database.scan` does."""

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Writes as `Database.write` does."""


class Database(BlockingDatabase, Protocol):
    """A database: `sqlite.SqliteDatabase`, or `postgresql.PostgresDatabase`, which many servers share.

    Work is a function of the form `work(connection)` with SQLAlchemy Core. It is short, fetches all rows
    before it returns, and may run twice: it must change nothing but the database.
    """

    # Whether other servers use it, too: only then `refresh` asks anything.
    is_remote: bool

    async def refresh(self) -> None:
        """Asks whether other servers have committed; each request does so before it looks anything up.

        After it, the versions are those of an instant within this call, or of a later one.
        """

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Returns what `work` reads; it changes nothing, and sees every write that was acknowledged."""

    async def scan(self, work: Callable[[Connection], T]) -> T:
        """Returns what `work` reads of many rows: in a thread, where no request waits, one scan at a time."""

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Runs `work` alone, while no other write runs, and returns its result once it is committed.

        An error of `work` rolls back its changes, and is raised here. A write that is not durable survives
        the end of this process, even SIGKILL, but not a crash of the database or a loss of power.
        """

    async def add(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Runs `work` as `write` does; `work` only adds, and removes nothing that other work relies on.

        Two additions may run at the same time, and the result must be as if they ran one after the other: a
        row may exist already, and the INSERT itself finds out.
        """

    def version(self) -> int:
        """Returns a number that changes with every commit, before the write is acknowledged."""

    def access_version(self) -> int:
        """Returns a number that changes with each change of access: of projects, policies, accounts, keys."""

    def control_version(self) -> int:
        """Returns a number that changes with the control state: the clock, the faults, the machine."""

    def find_skew(self) -> float:
        """Returns how many seconds the database's clock is ahead of this machine's."""

    def close(self) -> None:
        """Finishes the writes in progress, then closes the connections."""
