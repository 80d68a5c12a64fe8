"""Revision 4, for federation: pools, providers, spent subject tokens and access keys of AWS.

Adds the private halves of system-managed service account keys, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COUNT = "UPDATE revisions SET number = number + 1 WHERE subject = 'access'"


def upgrade() -> None:
    """Adds the column and the tables."""
    op.add_column("service_account_keys", sa.Column("private_key", sa.String, nullable=True))
    _add_pools()
    for change in ("INSERT", "UPDATE", "DELETE"):
        table = "workload_identity_pools"
        when = f"CREATE TRIGGER {table}_{change.lower()}_counts AFTER {change} ON {table}"
        op.execute(f"{when} BEGIN {_COUNT}; END")
    op.create_table(
        "spent_tokens",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("expires_at", sa.Integer, nullable=False, index=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "aws_access_keys",
        sa.Column("access_key_id", sa.String, primary_key=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("secret_access_key", "session_token", "identity")
        ),
        sqlite_with_rowid=False,
    )


def _add_pools() -> None:
    for table, parent, target, name in (
        ("workload_identity_pools", "project", "projects.id", "pool_id"),
        ("workload_identity_providers", "pool", "workload_identity_pools.id", "provider_id"),
    ):
        op.create_table(
            table,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column(parent, sa.Integer, sa.ForeignKey(target, ondelete="CASCADE"), nullable=False),
            sa.Column(name, sa.String, nullable=False),
            sa.Column("settings", sa.String, nullable=False),
            sa.Column("deleted_at", sa.Integer, nullable=True),
            sa.UniqueConstraint(parent, name),
        )
