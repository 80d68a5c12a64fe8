"""Revision 6: settings of repositories, parents of projects, hashes of blobs, deleted service accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the columns and the tables; rewrites no row and reads no blob."""
    op.add_column(
        "artifact_repositories", sa.Column("settings", sa.String, nullable=False, server_default="{}")
    )
    op.create_table(
        "blob_hashes",
        sa.Column("blob", sa.Integer, sa.ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("crc32c", sa.String, nullable=False),
        sa.Column("md5", sa.String, nullable=False),
    )
    op.add_column("projects", sa.Column("parent", sa.String, nullable=False, server_default=""))
    op.create_table(
        "deleted_accounts",
        sa.Column("unique_id", sa.String, primary_key=True),
        sa.Column("project", sa.Integer, sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        sa.Column("deleted_at", sa.Integer, nullable=False),
        sa.Column("document", sa.String, nullable=False),
    )
