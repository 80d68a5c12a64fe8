"""Revision 8: blobs and uploads consist of pieces, and keys that no row names are doomed.

The file of an older blob keeps its path, which is its one piece. Uploads in progress end.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_PIECES = (
    "UPDATE blobs SET pieces = json_array(json_array("
    "'buckets/' || (SELECT name FROM buckets WHERE buckets.id = blobs.bucket) || '/containers/images/' "
    "|| substr(digest, 1, instr(digest, ':') - 1) || '/' || substr(digest, instr(digest, ':') + 1, 2) "
    "|| '/' || substr(digest, instr(digest, ':') + 1), size)) WHERE data IS NULL"
)


def upgrade() -> None:
    """Adds the column, the table and the triggers; reads no blob."""
    op.add_column("blobs", sa.Column("pieces", sa.String, nullable=True))
    op.execute(_PIECES)
    op.drop_table("uploads")
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column(
            "repository", sa.Integer, sa.ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String, nullable=True),
        sa.Column("started_at", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=True),
        sa.Column("pieces", sa.String, nullable=True),
    )
    op.create_table(
        "doomed",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("due_at", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    for table in ("blobs", "uploads"):
        op.execute(
            f"CREATE TRIGGER {table}_dooms AFTER DELETE ON {table} WHEN json_valid(old.pieces) "  # noqa: S608
            "BEGIN INSERT OR REPLACE INTO doomed (key, due_at) "
            "SELECT json_extract(value, '$[0]'), 1 FROM json_each(old.pieces); END"
        )
