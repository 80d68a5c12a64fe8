"""Revision 15: the tables of Secret Manager."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "secrets",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("project", _NUMBER, sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        sa.Column("secret_id", _TEXT, nullable=False),
        sa.Column("settings", _TEXT, nullable=False),
        sa.Column("created_ms", _NUMBER, nullable=False),
        sa.Column("updated_ms", _NUMBER, nullable=False),
        sa.Column("last", _NUMBER, nullable=False),
        sa.UniqueConstraint("project", "secret_id"),
    )
    op.create_table(
        "secret_versions",
        sa.Column("secret_row", _NUMBER, sa.ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("is_checked", _NUMBER, nullable=False),
        sa.Column("created_ms", _NUMBER, nullable=False),
        sa.Column("destroyed_ms", _NUMBER, nullable=True),
        sqlite_with_rowid=False,
    )
