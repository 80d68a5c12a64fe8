"""Revision 10: what serves the gcr.io names of a project. Container Registry goes on serving the old ones."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds the columns."""
    kind = sa.Column("registry_kind", _TEXT, nullable=False, server_default="container-registry")
    op.add_column("projects", kind)
    op.add_column("projects", sa.Column("redirection_state", _TEXT, nullable=True))
    op.add_column("projects", sa.Column("pull_percent", _NUMBER, nullable=False, server_default="0"))
