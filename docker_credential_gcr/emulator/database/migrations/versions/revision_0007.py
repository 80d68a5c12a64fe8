"""Revision 7: the control state (clock, faults, machine) and the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COUNT = "UPDATE revisions SET number = number + 1 WHERE subject = 'control'"


def upgrade() -> None:
    """Creates the tables, and triggers that count changes of the control state."""
    op.create_table(
        "control",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("document", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("arrived_at", sa.Integer, nullable=False, index=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("document", sa.String, nullable=False),
    )
    op.execute("INSERT INTO revisions VALUES ('control', 0)")
    for change in ("INSERT", "UPDATE", "DELETE"):
        when = f"CREATE TRIGGER control_{change.lower()}_counts AFTER {change} ON control"
        op.execute(f"{when} BEGIN {_COUNT}; END")
