"""Prepares a PostgreSQL database: creates tables, triggers and first rows in an empty one, and checks others.

Servers of two neighbouring versions serve side by side while one after the other is replaced: a migration
first adds what the newer version needs, and a later one removes what the older version needed.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, insert, inspect, select

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase

from .sessions import LOCKS, SCHEMA

_TRY_LOCK = f"SELECT pg_try_advisory_xact_lock({LOCKS}, {SCHEMA})"
_RETRY_S = 0.1
# A migration of a large database may take minutes.
_LOCK_WAIT_S = 600.0
# Counts a statement that changed rows, however many; ON CONFLICT DO NOTHING may change none.
_COUNT = """
CREATE FUNCTION gcr_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed) THEN
        UPDATE revisions SET number = number + 1 WHERE subject = TG_ARGV[0];
    END IF;
    RETURN NULL;
END $$
"""
# A deleted row dooms its pieces, whichever statement deletes it: no writer can forget to.
_DOOM = """
CREATE FUNCTION gcr_doom_pieces() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO doomed (key, due_at)
    SELECT piece ->> 0, 1 FROM changed, json_array_elements(changed.pieces::json) AS piece
    WHERE changed.pieces IS NOT NULL ORDER BY 1
    ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at;
    RETURN NULL;
END $$
"""
_TRIGGER = (
    "CREATE TRIGGER {name} AFTER {change} ON {table} REFERENCING {rows} TABLE AS changed "
    "FOR EACH STATEMENT EXECUTE FUNCTION {function}"
)
_ROWS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def prepare(connection: Connection) -> None:
    """Creates the schema in an empty database, or checks that of another one. Raises UnusableDatabase."""
    # Without the lock, which a migration holds for as long as it builds an index.
    if find_revision(connection) is None:
        _create_alone(connection)
    check_revision(connection)


def _create_alone(connection: Connection) -> None:
    """Creates the schema, unless another server has created it meanwhile."""
    driver: Any = connection.connection.dbapi_connection
    _begin(driver)
    try:
        if find_revision(connection) is None:
            _create(connection)
    except BaseException:
        driver.execute("ROLLBACK")
        raise
    driver.execute("COMMIT")


def check_revision(connection: Connection) -> None:
    """Raises UnusableDatabase unless this version can serve the schema: its own, or the next one."""
    found = find_revision(connection) or ""
    ahead = int(found) - int(schema.REVISION) if found.isdecimal() else -1
    if ahead in (0, 1):
        return
    if found.isdecimal() and ahead < 0:
        raise UnusableDatabase(
            f"the database's schema is of revision {found}, this gcr-emulator needs {schema.REVISION}: run "
            "gcr-emulator migrate first"
        )
    raise UnusableDatabase(
        f"the database's schema is of revision {found!r}, this gcr-emulator knows {schema.REVISION!r}: use "
        "the version that made it, or another database"
    )


def find_revision(connection: Connection) -> str | None:
    """Returns the revision of the schema; None if the database has none of its tables.

    Raises UnusableDatabase for tables of another program.
    """
    found = set(inspect(connection).get_table_names())
    if schema.alembic_version.name in found:
        return str(connection.execute(select(schema.alembic_version.c.version_num)).scalar_one_or_none())
    if foreign := sorted(found & set(schema.metadata.tables)):
        raise UnusableDatabase(
            f"the database has a table {foreign[0]} of another program: use a database of its own"
        )
    return None


def _begin(driver: Any) -> None:
    """Begins a transaction that holds the lock of the schema.

    Waits without a transaction: one that waits for a lock would block CREATE INDEX CONCURRENTLY.
    """

    def begin() -> bool:
        driver.execute("BEGIN")
        if driver.execute(_TRY_LOCK).fetchone()[0]:
            return True
        driver.execute("ROLLBACK")
        return False

    await_lock(begin)


def await_lock(try_lock: Callable[[], bool]) -> None:
    """Tries to get the lock of the schema until that succeeds. Raises UnusableDatabase after ten minutes."""
    until = time.monotonic() + _LOCK_WAIT_S
    while not try_lock():
        if time.monotonic() > until:
            raise UnusableDatabase("another process changes the database's schema: wait until it has ended")
        time.sleep(_RETRY_S)


def _create(connection: Connection) -> None:
    encoding = connection.exec_driver_sql("SELECT getdatabaseencoding()::text").scalar_one()
    if encoding != "UTF8":
        raise UnusableDatabase(f"the database has the encoding {encoding}: create one with ENCODING 'UTF8'")
    schema.metadata.create_all(connection)
    numbers = {schema.ACCESS: 0, schema.CONTROL: 0, schema.IDENTITY: secrets.randbits(62)}
    for subject, number in numbers.items():
        connection.execute(insert(schema.revisions).values(subject=subject, number=number))
    for definition in _list_triggers():
        connection.exec_driver_sql(definition)
    connection.execute(insert(schema.alembic_version).values(version_num=schema.REVISION))


def _list_triggers() -> list[str]:
    definitions = [_COUNT, _DOOM]
    for table, subject in schema.COUNTED.items():
        for change, rows in _ROWS.items():
            definitions.append(
                _TRIGGER.format(
                    name=f"{table.name}_{change.lower()}_counts",
                    change=change,
                    table=table.name,
                    rows=rows,
                    function=f"gcr_count_change('{subject}')",
                )
            )
    definitions += [
        _TRIGGER.format(
            name=f"{table.name}_dooms",
            change="DELETE",
            table=table.name,
            rows="OLD",
            function="gcr_doom_pieces()",
        )
        for table in (schema.blobs, schema.uploads)
    ]
    return definitions
