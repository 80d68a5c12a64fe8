"""Revision 3: users, their logins, and authorization codes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COUNT = "UPDATE revisions SET number = number + 1 WHERE subject = 'access'"


def _texts(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, sa.String, nullable=False) for name in names]


def _user() -> "sa.Column[int]":
    return sa.Column(
        "user", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
    )


def upgrade() -> None:
    """Adds the tables."""
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String, nullable=False, unique=True),
        sa.Column("unique_id", sa.String, nullable=False, unique=True),
        *_texts("name"),
        sa.Column("created_at", sa.Integer, nullable=False),
    )
    op.create_table(
        "logins",
        sa.Column("id", sa.String, primary_key=True),
        _user(),
        *_texts("client_id", "scope"),
        sa.Column("digest", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.Integer, nullable=False),
    )
    op.create_table(
        "authorization_codes",
        sa.Column("digest", sa.String, primary_key=True),
        _user(),
        *_texts("client_id", "redirect_uri", "scope", "challenge", "challenge_method", "nonce"),
        sa.Column("expires_at", sa.Integer, nullable=False, index=True),
        sa.Column("login", sa.String, nullable=True),
    )
    for change in ("INSERT", "UPDATE", "DELETE"):
        when = f"CREATE TRIGGER logins_{change.lower()}_counts AFTER {change} ON logins"
        op.execute(f"{when} BEGIN {_COUNT}; END")
