"""Tables of the control state and the journal; the whole schema is in __init__.py."""

from sqlalchemy import Column, Integer, String, Table

from .columns import metadata, new_id

# The clock, the faults, the metadata server's machine, by name, as JSON: deleted when a server starts.
control = Table(
    "control",
    metadata,
    Column("name", String, primary_key=True),
    Column("document", String, nullable=False),
    sqlite_with_rowid=False,
)

# The requests of all workers, with `serve --journal`. `arrived_at` is in nanoseconds, `size` is the number of
# bytes that the entry counts as.
journal = Table(
    "journal",
    metadata,
    new_id(),
    Column("arrived_at", Integer, nullable=False, index=True),
    Column("size", Integer, nullable=False),
    Column("document", String, nullable=False),
)
