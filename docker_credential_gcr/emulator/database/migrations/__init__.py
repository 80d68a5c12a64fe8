"""Migrations of the database to the present schema, by Alembic; loaded only when one is needed.

A revision is a file in versions/. It does not change after its release, and imports nothing of the emulator,
which may change. https://alembic.sqlalchemy.org/en/latest/cookbook.html

Those after 0009 run on PostgreSQL, too, where servers of the version before go on while they run: a revision
only adds what the new version needs, with a default for rows that the old one writes, and the next version's
revision removes what only the old one needed. Each is a transaction there. A statement that cannot be in one,
such as CREATE INDEX CONCURRENTLY, stands in `op.get_context().autocommit_block()`, after a DROP INDEX IF
EXISTS, because the revision runs again if it did not end.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

SCRIPTS = Path(__file__).parent


def is_known(revision: str, scripts: Path = SCRIPTS) -> bool:
    """Returns whether a database of that revision can be migrated."""
    script = ScriptDirectory.from_config(_configure(scripts))
    return any(revision == known.revision for known in script.walk_revisions())


def migrate(connection: Connection, scripts: Path = SCRIPTS) -> None:
    """Migrates the database to the newest revision, on SQLite in the caller's transaction."""
    configuration = _configure(scripts)
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def _configure(scripts: Path) -> Config:
    configuration = Config()
    # Alembic expands % as a variable.
    configuration.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return configuration
