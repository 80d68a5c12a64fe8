"""Single session: a PostgreSQL database through one connection, for the commands next to running servers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase

from .connections import connect_engine, describe, explain_refusal
from .prepare import check_revision, find_revision
from .sessions import Session

T = TypeVar("T")
Work = Callable[[Connection], T]
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"


class SingleSession:
    """A database with its schema; engine/database.py documents the methods, all of which block."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read_now(self, work: Work[T]) -> T:
        """Returns what `work` reads."""
        return self._session.read(work)

    def scan_now(self, work: Work[T]) -> T:
        """Returns what `work` reads, all of one moment."""
        return self._session.scan(work)

    def write_now(self, work: Work[T]) -> T:
        """Runs `work` alone: no other write of any server runs meanwhile."""
        return self._session.write(work, alone=True, durable=True)

    def find_time(self) -> float:
        """Returns the database's time, in seconds since the epoch."""
        return self.read_now(lambda connection: float(connection.exec_driver_sql(_CLOCK).scalar_one()))


@contextmanager
def open_session(url: str) -> Iterator[SingleSession]:
    """Yields the database, whose schema must be there already. Raises UnusableDatabase, also in the block."""
    engine = connect_engine(url)
    session = Session(engine)
    try:
        with explain_refusal(url):
            if find_revision(session.open()) is None:
                raise UnusableDatabase(f"{describe(url)} is empty: name the database of the servers")
            check_revision(session.open())
            yield SingleSession(session)
    finally:
        session.close()
        engine.dispose()
