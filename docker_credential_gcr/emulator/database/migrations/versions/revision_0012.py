"""Revision 12: the events of changed images, how far they are admitted, and the leases of dispatchers."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds the tables."""
    op.create_table(
        "events",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("at_ms", _NUMBER, nullable=False),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("action", "project", "service", "repository")),
        *(sa.Column(name, _TEXT, nullable=True) for name in ("digest", "tag", "media_type")),
        sa.Column("size", _NUMBER, nullable=True),
        sa.Column("member", _TEXT, nullable=True),
    )
    op.create_table(
        "watermarks",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("number", _NUMBER, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("holder", _TEXT, nullable=False),
        sa.Column("until_ms", _NUMBER, nullable=False),
    )
