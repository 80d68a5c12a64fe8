"""Revision 14: webhooks, and the deliveries of events to them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "webhooks",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("name", _TEXT, nullable=False, unique=True),
        sa.Column("url", _TEXT, nullable=False),
        sa.Column("project", _TEXT, nullable=True),
        sa.Column("actions", _TEXT, nullable=False),
        sa.Column("format", _TEXT, nullable=False),
        sa.Column("secrets", _TEXT, nullable=False),
        sa.Column("created_ms", _NUMBER, nullable=False),
        sa.Column("disabled", _TEXT, nullable=True),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("subscriber", _TEXT, nullable=False),
        sa.Column("repository", _TEXT, nullable=False),
        sa.Column("event", _TEXT, nullable=False),
        sa.Column("at_ms", _NUMBER, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("attempts", _NUMBER, nullable=False),
        sa.Column("due_ms", _NUMBER, nullable=True),
        sa.Column("status", _NUMBER, nullable=True),
        sa.Column("error", _TEXT, nullable=True),
        sa.Index("deliveries_due", "subscriber", "due_ms"),
        sa.Index("deliveries_state", "subscriber", "state", "repository"),
        sa.Index("deliveries_order", "subscriber", "state", "id"),
    )
