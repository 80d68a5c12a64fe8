"""Connections to PostgreSQL: the URL, the time-outs of each connection, and how many the server has left."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase

# Defaults of libpq's parameters, each of which the URL can change.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_PARAMETERS: dict[str, str | int] = {
    "application_name": "gcr-emulator",
    "client_encoding": "UTF8",
    # Of one address: the next one of the URL is tried then.
    "connect_timeout": 2,
    "tcp_user_timeout": 10_000,
    # A server that was demoted refuses writes for ever: leave it for the one that was promoted.
    "target_session_attrs": "read-write",
}
# Milliseconds: a request waits for none of these longer than ten seconds. And the isolation: a role or a
# database may have another default, at which a write has the snapshot of the moment before it got the lock.
_SETTINGS = (
    "SET statement_timeout = 10000; SET lock_timeout = 5000; SET idle_in_transaction_session_timeout = 5000; "
    "SET default_transaction_isolation = 'read committed'"
)
# More than there are statements, so that none is prepared twice on a connection.
_PREPARED = 500
_SCHEMES = ("postgresql://", "postgres://")
_MALFORMED = (
    "the database's URL cannot be parsed: write postgresql://USER:PASSWORD@HOST:PORT/NAME, with "
    "percent-encoding in the user and the password"
)
_PORTS = re.compile(r"[0-9]*(?:,[0-9]*)*")


class CannotConnect(UnusableDatabase):
    """PostgreSQL refuses the connection, or does not answer."""


def parse_url(url: str) -> dict[str, Any]:
    """Returns libpq's parameters in the URL. Raises UnusableDatabase, without the URL's password."""
    if not url.startswith(_SCHEMES):
        raise UnusableDatabase("the database must be a URL such as postgresql://USER@HOST/NAME")
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's message repeats the URL.
        raise UnusableDatabase(_MALFORMED) from None
    if _is_split(url) or not _PORTS.fullmatch(str(parameters.get("port", ""))):
        raise UnusableDatabase(_MALFORMED)
    return {**_PARAMETERS, **parameters}


def _is_split(url: str) -> bool:
    """Returns whether the password has a / or @: libpq takes the rest for a host, a port or a name."""
    user, at, rest = url.partition("://")[2].partition("?")[0].partition("@")
    return at != "" and ("/" in user or "@" in rest)


def describe(url: str) -> str:
    """Returns hosts and name of the database, without user and password, for messages."""
    parameters = parse_url(url)
    hosts = str(parameters.get("host") or parameters.get("hostaddr") or "the local socket")
    return f"{parameters.get('dbname', 'its default database')} on {hosts}"


@contextmanager
def explain_refusal(url: str) -> Iterator[None]:
    """Raises CannotConnect for what PostgreSQL refuses in the block, without the URL's password."""
    try:
        yield
    except (psycopg.Error, DBAPIError) as error:
        raise CannotConnect(f"cannot use the database {describe(url)}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    # Without the lines that quote the statement; a connection that fails has none of these fields.
    reason = (cause.diag.message_primary if isinstance(cause, psycopg.Error) else None) or str(cause)
    if isinstance(cause, psycopg.errors.InsufficientPrivilege | psycopg.errors.InvalidSchemaName):
        reason += ": use the role that owns the database, or its tables"
    return reason.strip().replace("\n", " ")


def connect_engine(url: str) -> Engine:
    """Returns the engine, which has not yet connected. Raises UnusableDatabase."""
    parameters = parse_url(url)
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(parameters),
        # AUTOCOMMIT: a read costs one round trip, and a write sends BEGIN and COMMIT itself.
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        # A traceback has the error's text, and the parameters may be keys.
        hide_parameters=True,
    )


def _connect(parameters: dict[str, Any]) -> psycopg.Connection[Any]:
    connection = psycopg.connect(autocommit=True, **parameters)
    try:
        connection.prepared_max = _PREPARED
        connection.execute(_SETTINGS, prepare=False)
    except BaseException:
        connection.close()
        raise
    return connection


def check_room(fetch: Callable[[str], tuple[Any, ...]], needed: int) -> None:
    """Raises UnusableDatabase if the server has less than `needed` connections left; `fetch` runs a query."""
    # Of other roles' connections this role sees the database alone.
    most, used = fetch(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')"
        "::int, (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL "
        "AND coalesce(backend_type, 'client backend') = 'client backend') - 1"
    )
    if used + needed > most:
        raise UnusableDatabase(
            f"this server needs {needed} connections, {used} of the database's {most} are in use, which is "
            f"{used + needed} together: raise max_connections of PostgreSQL, or run fewer servers"
        )
