"""Revision 11: annotations of packages and versions, which Artifact Registry's API sets and shows."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds the columns."""
    for table in ("repositories", "manifests"):
        op.add_column(table, sa.Column("annotations", _TEXT, nullable=False, server_default="{}"))
        op.add_column(table, sa.Column("updated_ms", _NUMBER, nullable=True))
