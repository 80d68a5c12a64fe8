"""Revision 1: the first schema.

A new database is created from the schema and stamped, so this revision has no migration. Its tables are in
tests/data/database-0001.sql.
"""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Does nothing: see above."""
