"""Table of the server's own keys; the whole schema is in __init__.py."""

from sqlalchemy import Column, LargeBinary, Table

from .columns import TEXT, metadata

# The signing keys and the operator token of servers that share a database, each as the bytes of its file.
# Servers with a data directory have files instead, and no row.
keys = Table(
    "keys",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
