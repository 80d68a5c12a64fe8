"""Revision 13: the tables of Pub/Sub, and the topic `gcr` of Container Registry's projects."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _refer(
    name: str, target: str, ondelete: str = "CASCADE", *, is_key: bool = False, index: bool = False
) -> sa.Column[int]:
    reference = sa.ForeignKey(target, ondelete=ondelete)
    is_nullable = ondelete != "CASCADE"
    return sa.Column(name, _NUMBER, reference, primary_key=is_key, nullable=is_nullable, index=index)


def upgrade() -> None:
    """Creates the tables."""
    _create_topics()
    _create_messages()
    op.execute(
        "INSERT INTO topics (project, topic_id, settings) SELECT id, 'gcr', '{}' FROM projects "
        "WHERE registry_kind = 'container-registry' AND NOT EXISTS (SELECT 1 FROM services WHERE "
        "services.project = projects.id AND services.name = 'containerregistry.googleapis.com' "
        "AND services.enabled = 0)"
    )


def _create_topics() -> None:
    op.create_table(
        "topics",
        sa.Column("id", _NUMBER, primary_key=True),
        _refer("project", "projects.id"),
        sa.Column("topic_id", _TEXT, nullable=False),
        sa.Column("settings", _TEXT, nullable=False),
        sa.UniqueConstraint("project", "topic_id"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", _NUMBER, primary_key=True),
        _refer("project", "projects.id"),
        sa.Column("subscription_id", _TEXT, nullable=False),
        _refer("topic", "topics.id", "SET NULL", index=True),
        sa.Column("settings", _TEXT, nullable=False),
        sa.Column("is_detached", _NUMBER, nullable=False),
        sa.Column("dead_letter_topic", _TEXT, nullable=True, index=True),
        sa.Column("push_endpoint", _TEXT, nullable=True, index=True),
        sa.Column("expires_ms", _NUMBER, nullable=True, index=True),
        sa.UniqueConstraint("project", "subscription_id"),
    )


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", _NUMBER, primary_key=True),
        _refer("project", "projects.id", index=True),
        sa.Column("message_id", _TEXT, nullable=False),
        sa.Column("data", _TEXT, nullable=False),
        sa.Column("attributes", _TEXT, nullable=False),
        sa.Column("ordering_key", _TEXT, nullable=False),
        sa.Column("published_ms", _NUMBER, nullable=False),
    )
    op.create_table(
        "backlog",
        _refer("subscription", "subscriptions.id", is_key=True),
        _refer("message", "messages.id", is_key=True, index=True),
        sa.Column("published_ms", _NUMBER, nullable=False),
        sa.Column("size", _NUMBER, nullable=False),
        sa.Column("ordering_key", _TEXT, nullable=False),
        sa.Column("due_ms", _NUMBER, nullable=False),
        sa.Column("attempts", _NUMBER, nullable=False),
        sa.Column("lease", _TEXT, nullable=True),
        sa.Column("acknowledged_ms", _NUMBER, nullable=True),
        sa.Index("backlog_due", "subscription", "acknowledged_ms", "due_ms"),
        sqlite_with_rowid=False,
    )
