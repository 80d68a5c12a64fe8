"""Opens a PostgreSQL database for a server: schema, clock, room for its connections."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.engine.database import Observe
from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase

from .connections import check_room, connect_engine, explain_refusal
from .database import CONNECTIONS, PostgresDatabase
from .prepare import prepare

# Tokens and uploads of one server are judged by the others.
_MOST_SKEW_S = 60.0


def open_database(
    url: str,
    *,
    processes: int = 1,
    check: Callable[[Connection], None] = lambda _: None,
    observe: Observe | None = None,
    follow: Callable[[float], None] = lambda _: None,
) -> PostgresDatabase:
    """Returns the database, with its schema; `processes` of this server will open it.

    `check` gets a connection before the schema is created. Raises UnusableDatabase, without the URL's
    password, and what `check` raises.
    """
    with explain_refusal(url):
        _prepare(url, processes, check)
        database = PostgresDatabase(url, observe=observe, follow=follow)
        try:
            database.connect()
        except BaseException:
            database.close()
            raise
    return database


def _prepare(url: str, processes: int, check: Callable[[Connection], None]) -> None:
    engine = connect_engine(url)
    try:
        with engine.connect() as connection:
            check_room(lambda query: _fetch(connection, query), processes * CONNECTIONS)
            _check_clock(connection)
            check(connection)
            prepare(connection)
    finally:
        engine.dispose()


def _check_clock(connection: Connection) -> None:
    began = time.time()
    (theirs,) = _fetch(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
    skew_s = theirs - (began + time.time()) / 2
    if abs(skew_s) > _MOST_SKEW_S:
        raise UnusableDatabase(
            f"the database's clock is {skew_s:+.0f} seconds from this machine's: set both by NTP"
        )


def _fetch(connection: Connection, query: str) -> tuple[Any, ...]:
    return tuple(connection.exec_driver_sql(query).one())
