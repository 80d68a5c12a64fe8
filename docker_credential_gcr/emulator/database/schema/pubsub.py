"""Tables of Pub/Sub; the whole schema is in __init__.py."""

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from .columns import NUMBER, TEXT, Flag, Json, metadata, new_id, new_reference

# `settings` is the object of the members that a client has set: labels and the like.
topics = Table(
    "topics",
    metadata,
    new_id(),
    new_reference("project", "projects.id"),
    Column("topic_id", TEXT, nullable=False),
    Column("settings", Json, nullable=False),
    UniqueConstraint("project", "topic_id"),
)

# `topic` is null after the topic's deletion. `dead_letter_topic` is projects/P/topics/T, or null.
subscriptions = Table(
    "subscriptions",
    metadata,
    new_id(),
    new_reference("project", "projects.id"),
    Column("subscription_id", TEXT, nullable=False),
    Column("topic", NUMBER, ForeignKey("topics.id", ondelete="SET NULL"), nullable=True, index=True),
    Column("settings", Json, nullable=False),
    Column("is_detached", Flag, nullable=False),
    Column("dead_letter_topic", TEXT, nullable=True, index=True),
    # The URL of a push subscription; null for one that clients pull.
    Column("push_endpoint", TEXT, nullable=True, index=True),
    # When it is deleted unless a subscriber uses it before; null is never.
    Column("expires_ms", NUMBER, nullable=True, index=True),
    UniqueConstraint("project", "subscription_id"),
)

# A message is stored once, for all subscriptions; `data` is base64, `attributes` an object of strings. The
# row's number is its order, `message_id` the ID that clients see: a number is used again after a deletion.
messages = Table(
    "messages",
    metadata,
    new_id(),
    new_reference("project", "projects.id", index=True),
    Column("message_id", TEXT, nullable=False),
    Column("data", TEXT, nullable=False),
    Column("attributes", Json, nullable=False),
    Column("ordering_key", TEXT, nullable=False),
    Column("published_ms", NUMBER, nullable=False),
)

# The messages that a subscription keeps: those that are not acknowledged, and acknowledged ones if they are
# retained. It is delivered from `due_ms` on; `lease` is the nonce of its last ackId, null after a nack.
backlog = Table(
    "backlog",
    metadata,
    Column("subscription", NUMBER, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True),
    Column("message", NUMBER, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("published_ms", NUMBER, nullable=False),
    Column("size", NUMBER, nullable=False),
    Column("ordering_key", TEXT, nullable=False),
    Column("due_ms", NUMBER, nullable=False),
    Column("attempts", NUMBER, nullable=False),
    Column("lease", TEXT, nullable=True),
    Column("acknowledged_ms", NUMBER, nullable=True),
    Index("backlog_due", "subscription", "acknowledged_ms", "due_ms"),
    sqlite_with_rowid=False,
)
