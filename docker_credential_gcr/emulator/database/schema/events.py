"""Tables of events: the outbox of changed images, how far it is admitted, and the leases of dispatchers."""

from sqlalchemy import Column, Table

from .columns import NUMBER, TEXT, metadata, new_id

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
