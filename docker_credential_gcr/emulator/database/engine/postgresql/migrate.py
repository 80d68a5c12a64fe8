"""Migrates a PostgreSQL database to the newest revision of the schema, while servers use it.

One process migrates at a time: it holds a lock of its session, which outlives the transactions of the
revisions, and for which others ask again and again. To wait for it in a transaction would block CREATE INDEX
CONCURRENTLY, which waits for all transactions that are older than the index.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from docker_credential_gcr.emulator.database import migrations, schema

from .connections import connect_engine, explain_refusal
from .errors import Fault, find_fault
from .prepare import await_lock, check_revision, find_revision, prepare
from .sessions import LOCKS, SCHEMA

# The revision whose schema was the first one in PostgreSQL: those before it are for SQLite alone.
_FIRST = "0009"
_TRY_LOCK = f"SELECT pg_try_advisory_lock({LOCKS}, {SCHEMA})"
_UNLOCK = f"SELECT pg_advisory_unlock({LOCKS}, {SCHEMA})"
# A statement that waits for the lock of a table makes all later requests wait: it gives up, and the revision
# is tried again. An index or a backfill may take as long as it needs.
_LIMITS = "SET statement_timeout = 0; SET lock_timeout = 1000; SET idle_in_transaction_session_timeout = 0"
_ATTEMPTS = 300
_PAUSE_S = 1.0


class Migrated(NamedTuple):
    """The revisions before and after; `before` is None if the database was empty."""

    before: str | None
    after: str


def migrate(url: str, scripts: Path = migrations.SCRIPTS) -> Migrated:
    """Creates the schema in an empty database, or runs the revisions that it lacks. Raises UnusableDatabase.

    A database of the next version is left as it is.
    """
    engine = connect_engine(url)
    try:
        with explain_refusal(url), _locked(engine) as connection:
            before = find_revision(connection)
            if before is None:
                # On the session that holds the lock, for which the schema's creator asks, too.
                prepare(connection)
            elif before >= _FIRST and migrations.is_known(before, scripts):
                _upgrade(engine, scripts)
            else:
                check_revision(connection)
            return Migrated(before, find_revision(connection) or schema.REVISION)
    finally:
        engine.dispose()


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        await_lock(lambda: bool(driver.execute(_TRY_LOCK).fetchone()[0]))
        try:
            yield connection
        finally:
            driver.execute(_UNLOCK)


def _upgrade(engine: Engine, scripts: Path) -> None:
    """Runs the revisions, each in a transaction; again if requests held a lock that it needs."""
    for attempt in range(_ATTEMPTS):
        try:
            with engine.connect() as connection:
                driver: Any = connection.connection.dbapi_connection
                driver.execute(_LIMITS)
                migrations.migrate(connection.execution_options(isolation_level="READ COMMITTED"), scripts)
        except DBAPIError as error:
            if find_fault(error) is not Fault.BUSY or attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
