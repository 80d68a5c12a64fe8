"""Tables of the control state and the journal; the whole schema is in __init__.py."""

from sqlalchemy import Column, Table

from .columns import NUMBER, TEXT, metadata, new_id

# The clock, the faults, the metadata server's machine, by name, as JSON: deleted when a server starts.
control = Table(
    "control",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("document", TEXT, nullable=False),
    sqlite_with_rowid=False,
)

# The requests of all workers, with `serve --journal`. `arrived_at` is in nanoseconds, `size` is the number of
# bytes that the entry counts as.
journal = Table(
    "journal",
    metadata,
    new_id(),
    Column("arrived_at", NUMBER, nullable=False, index=True),
    Column("size", NUMBER, nullable=False),
    Column("document", TEXT, nullable=False),
)
