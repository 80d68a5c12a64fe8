"""Repositories keep their cleanup policies and what else nothing acts by; blobs get room for two hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column and the table; no row is rewritten, no blob is read."""
    op.add_column(
        "artifact_repositories", sa.Column("settings", sa.String, nullable=False, server_default="{}")
    )
    op.create_table(
        "blob_hashes",
        sa.Column("blob", sa.Integer, sa.ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("crc32c", sa.String, nullable=False),
        sa.Column("md5", sa.String, nullable=False),
    )
