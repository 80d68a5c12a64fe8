"""Tables of events: the outbox of changed images, what receivers are told, and the leases of dispatchers."""

from sqlalchemy import Column, Index, Table

from .columns import NUMBER, TEXT, Json, metadata, new_id

# What a change of a tag or manifest tells; written in the transaction of the change. `project` is an ID, and
# `repository` a whole name, gcr.io/my-project/app. The size is that of the manifest.
events = Table(
    "events",
    metadata,
    new_id(),
    Column("at_ms", NUMBER, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("project", TEXT, nullable=False),
    Column("service", TEXT, nullable=False),
    Column("repository", TEXT, nullable=False),
    Column("digest", TEXT, nullable=True),
    Column("tag", TEXT, nullable=True),
    Column("media_type", TEXT, nullable=True),
    Column("size", NUMBER, nullable=True),
    # The caller of the change; null for garbage collection.
    Column("member", TEXT, nullable=True),
)

# `number` is the id of the last event that readers may see.
watermarks = Table(
    "watermarks",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("number", NUMBER, nullable=False),
)

# What one process of all may do at a time; `until_ms` is real time, of the database's clock.
leases = Table(
    "leases",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("holder", TEXT, nullable=False),
    Column("until_ms", NUMBER, nullable=False),
)

# Receivers that the operator has registered. `project` is an ID, or null for all; `actions` and `secrets` are
# lists; `disabled` is the reason why nothing is sent any more.
webhooks = Table(
    "webhooks",
    metadata,
    new_id(),
    Column("name", TEXT, nullable=False, unique=True),
    Column("url", TEXT, nullable=False),
    Column("project", TEXT, nullable=True),
    Column("actions", Json, nullable=False),
    Column("format", TEXT, nullable=False),
    Column("secrets", Json, nullable=False),
    Column("created_ms", NUMBER, nullable=False),
    Column("disabled", TEXT, nullable=True),
)

# An event for one subscriber: a webhook's name, or that of another target. Of the deliveries of a repository
# that wait, the first alone has `due_ms`. `attempts` have begun; `status` and `error` are of the last one.
deliveries = Table(
    "deliveries",
    metadata,
    new_id(),
    # Not indexed: a random key would touch a page of its own for each row.
    Column("name", TEXT, nullable=False),
    Column("subscriber", TEXT, nullable=False),
    Column("repository", TEXT, nullable=False),
    Column("event", Json, nullable=False),
    Column("at_ms", NUMBER, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("attempts", NUMBER, nullable=False),
    Column("due_ms", NUMBER, nullable=True),
    Column("status", NUMBER, nullable=True),
    Column("error", TEXT, nullable=True),
    Index("deliveries_due", "subscriber", "due_ms"),
    Index("deliveries_state", "subscriber", "state", "repository"),
    Index("deliveries_order", "subscriber", "state", "id"),
)
