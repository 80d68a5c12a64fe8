"""Migrations of the database to the present schema, by Alembic; loaded only when one is needed.

A revision is a file in versions/. It does not change after its release, and imports nothing of the emulator,
which may change. https://alembic.sqlalchemy.org/en/latest/cookbook.html
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def is_known(revision: str) -> bool:
    """Returns whether a database of that revision can be migrated."""
    script = ScriptDirectory.from_config(_configure())
    return any(revision == known.revision for known in script.walk_revisions())


def migrate(connection: Connection) -> None:
    """Migrates the database to the newest revision, in the caller's transaction."""
    configuration = _configure()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def _configure() -> Config:
    configuration = Config()
    # Alembic expands % as a variable.
    configuration.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return configuration
