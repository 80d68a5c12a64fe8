"""Row import: copies all rows of a SQLite database into an empty PostgreSQL database, in one transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, LargeBinary, String, Table, literal, select, update

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase
from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection as FileConnection
from docker_credential_gcr.emulator.database.engine.sqlite_file import open_database
from docker_credential_gcr.emulator.database.schema.control_state import control

from .connections import connect_engine, describe, explain_refusal
from .prepare import prepare
from .sessions import LOCKS, WRITES

# The database's own; what a start of the server deletes; key files, which are not rows of SQLite; what a
# process of the other database held.
_OWN = {schema.alembic_version, schema.revisions, control, schema.keys, schema.leases}
_TABLES = [table for table in schema.metadata.sorted_tables if table not in _OWN]
_BEGIN = (
    "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
    f"SELECT pg_advisory_xact_lock({LOCKS}, {WRITES})"
)
_IDENTITY = schema.revisions.c.subject == schema.IDENTITY


class NotEmpty(UnusableDatabase):
    """The PostgreSQL database has rows."""

    def __init__(self, url: str, table: str) -> None:
        super().__init__(
            f"{describe(url)} has rows already, in the table {table}: name an empty database, or drop that "
            "one and create it again"
        )


@contextmanager
def importing(url: str) -> Iterator[Connection]:
    """Yields a connection to the database, with its schema, in a transaction that is committed at the end.

    Raises UnusableDatabase, also for errors in the block.
    """
    engine = connect_engine(url)
    try:
        with explain_refusal(url), engine.connect() as connection:
            prepare(connection)
            driver: Any = connection.connection.dbapi_connection
            driver.execute(_BEGIN)
            try:
                yield connection
            except BaseException:
                driver.execute("ROLLBACK")
                raise
            driver.execute("COMMIT")
    finally:
        engine.dispose()


def find_identity(source: Path) -> int:
    """Returns the identity of a SQLite database."""
    with open_database(source) as connection:
        statement = "SELECT number FROM revisions WHERE subject = ?"
        ((number,),) = connection.execute(statement, (schema.IDENTITY,)).fetchall()
        return int(number)


def find_nul(source: Path) -> str | None:
    """Returns where a text has a NUL character, which PostgreSQL cannot store; None if none has."""
    with open_database(source) as connection:
        for table in _TABLES:
            for column in (column for column in table.columns if isinstance(column.type, String)):
                statement = (
                    f'SELECT "{column.name}" FROM {table.name} WHERE instr("{column.name}", char(0)) > 0'  # noqa: S608
                )
                row = connection.execute(statement).fetchone()
                if row is not None:
                    return f"{table.name}.{column.name} {row[0]!r:.100}"
    return None


def count_rows(source: Path) -> int:
    """Returns the number of rows that `copy_rows` copies."""
    with open_database(source) as connection:
        return sum(_count(connection, table) for table in _TABLES)


def _count(connection: FileConnection, table: Table) -> int:
    ((number,),) = connection.execute(f"SELECT count(*) FROM {table.name}").fetchall()  # noqa: S608
    return int(number)


def is_copy(target: Connection, identity: int, url: str) -> bool:
    """Returns whether the database has the rows of the one with that identity; False if it has none.

    Raises NotEmpty for any other rows.
    """
    if target.execute(select(schema.revisions.c.number).where(_IDENTITY)).scalar_one() == identity:
        return True
    for table in (*_TABLES, schema.keys):
        if target.execute(select(literal(1)).select_from(table).limit(1)).first() is not None:
            raise NotEmpty(url, table.name)
    return False


def copy_rows(source: Path, target: Connection, advance: Callable[[], None]) -> None:
    """Copies all rows, and the identity; calls `advance` for each row. Raises UnusableDatabase."""
    driver: Any = target.connection.dbapi_connection
    with open_database(source) as connection:
        for table in _TABLES:
            try:
                _copy_table(connection, driver, table, advance)
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                raise UnusableDatabase(
                    f"a row of {table.name} is wrong ({str(error).splitlines()[0]}): gcr-emulator fsck says "
                    "how it is mended"
                ) from error
    target.execute(update(schema.revisions).where(_IDENTITY).values(number=find_identity(source)))


def _copy_table(source: FileConnection, driver: Any, table: Table, advance: Callable[[], None]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(
        # SQLite takes a text for bytes, and PostgreSQL would read escapes in it.
        f'CAST("{column.name}" AS BLOB)' if isinstance(column.type, LargeBinary) else f'"{column.name}"'
        for column in table.columns
    )
    with driver.cursor() as cursor:
        with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in source.execute(f"SELECT {values} FROM {table.name}"):  # noqa: S608
                copy.write_row(tuple(row))
                advance()
        key = table.autoincrement_column
        if key is not None:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{key.name}'), "  # noqa: S608
                f"(SELECT coalesce(max({key.name}), 0) + 1 FROM {table.name}), false)"
            )
