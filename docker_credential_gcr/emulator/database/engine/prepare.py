"""Prepares a database file when it is opened: creates its tables and triggers, or migrates an older one."""

import secrets
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.runtime.failpoints import reach

from . import snapshot
from .errors import DamagedDatabase, IncompatibleDatabase


def prepare(engine: Engine, path: Path) -> None:
    """Brings the database to the present schema. Raises DamagedDatabase and IncompatibleDatabase."""
    with engine.connect() as connection:
        tables = set(
            connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        )
        if not tables:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _create(connection)
            connection.exec_driver_sql("COMMIT")
        elif schema.alembic_version.name in tables and (old := _find_revision(connection)) != schema.REVISION:
            _migrate(connection, path, old)
        elif lacking := sorted(set(schema.metadata.tables) - tables):
            raise DamagedDatabase(path, f"it has no table {lacking[0]}")


def _create(connection: Connection) -> None:
    schema.metadata.create_all(connection)
    numbers = {schema.ACCESS: 0, schema.CONTROL: 0, schema.IDENTITY: secrets.randbits(62)}
    for subject, number in numbers.items():
        connection.execute(insert(schema.revisions).values(subject=subject, number=number))
    for table, subject in schema.COUNTED.items():
        for change in ("INSERT", "UPDATE", "DELETE"):
            when = f"CREATE TRIGGER {table.name}_{change.lower()}_counts AFTER {change} ON {table.name}"
            count = f"UPDATE revisions SET number = number + 1 WHERE subject = '{subject}'"  # noqa: S608
            connection.exec_driver_sql(f"{when} BEGIN {count}; END")
    # A deleted row dooms its pieces, whichever statement deletes it: no writer can forget to.
    for table in (schema.blobs, schema.uploads):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table.name}_dooms AFTER DELETE ON {table.name} WHEN json_valid(old.pieces) "  # noqa: S608
            "BEGIN INSERT OR REPLACE INTO doomed (key, due_at) "
            "SELECT json_extract(value, '$[0]'), 1 FROM json_each(old.pieces); END"
        )
    connection.execute(insert(schema.alembic_version).values(version_num=schema.REVISION))


def _find_revision(connection: Connection) -> str:
    return str(connection.execute(select(schema.alembic_version.c.version_num)).scalar_one_or_none())


def _migrate(connection: Connection, path: Path, revision: str) -> None:
    """Migrates an older database to the present schema, wholly or not at all; a copy stays next to it."""
    # 93 ms, which only a migration costs.
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
