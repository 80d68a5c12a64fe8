"""Tables of Secret Manager; the whole schema is in __init__.py."""

from sqlalchemy import Column, ForeignKey, LargeBinary, Table, UniqueConstraint

from .columns import NUMBER, TEXT, Flag, Json, metadata, new_id, new_reference

# `settings` is the object of the members that a client has set: labels, replication and the like. `last` is
# the number of the newest version that ever was.
secrets = Table(
    "secrets",
    metadata,
    new_id(),
    new_reference("project", "projects.id"),
    Column("secret_id", TEXT, nullable=False),
    Column("settings", Json, nullable=False),
    Column("created_ms", NUMBER, nullable=False),
    Column("updated_ms", NUMBER, nullable=False),
    Column("last", NUMBER, nullable=False),
    UniqueConstraint("project", "secret_id"),
)

# `data` is null after the version was destroyed.
secret_versions = Table(
    "secret_versions",
    metadata,
    Column("secret_row", NUMBER, ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True),
    Column("number", NUMBER, primary_key=True),
    Column("state", TEXT, nullable=False),
    Column("data", LargeBinary, nullable=True),
    Column("is_checked", Flag, nullable=False),
    Column("created_ms", NUMBER, nullable=False),
    Column("destroyed_ms", NUMBER, nullable=True),
    sqlite_with_rowid=False,
)
