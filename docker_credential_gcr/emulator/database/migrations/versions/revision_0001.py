"""The first schema.

A new database is made from schema.py and stamped; one of this revision exists already, so there is
nothing to do here. Its tables stand in tests/data/database-0001.sql.
"""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: see above."""
