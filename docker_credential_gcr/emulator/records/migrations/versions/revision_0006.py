"""Repositories of Artifact Registry keep their cleanup policies and what else nothing acts by."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; no row is rewritten."""
    op.add_column(
        "artifact_repositories", sa.Column("settings", sa.String, nullable=False, server_default="{}")
    )
