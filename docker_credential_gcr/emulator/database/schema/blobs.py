"""The tables of blobs and uploads, and of the bytes that neither names."""

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
)

from .columns import metadata, new_id, new_reference

# The bytes are in `data`, or in the blob store, of which `pieces` is the JSON list: storage/pieces.py.
blobs = Table(
    "blobs",
    metadata,
    new_id(),
    new_reference("bucket", "buckets.id"),
    Column("digest", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("data", LargeBinary, nullable=True),
    Column("created_at", Integer, nullable=False),
    Column("pieces", String, nullable=True),
    UniqueConstraint("bucket", "digest"),
)

# What Cloud Storage shows next to the digest, in base64; a blob has no row until a client asks for them.
blob_hashes = Table(
    "blob_hashes",
    metadata,
    Column("blob", Integer, ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True),
    Column("crc32c", String, nullable=False),
    Column("md5", String, nullable=False),
)

# A repository sees only the blobs that were linked to it. `used_at` is when a client last relied on
# the link: pushed, mounted or asked for the blob, or deleted a manifest that named it.
blob_links = Table(
    "blob_links",
    metadata,
    Column("repository", Integer, ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("blob", Integer, ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("used_at", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# An upload from its first bytes on. `sequence` counts the requests that brought some, and the next one's URL
# holds it. `owner` is the member that began. The bytes are in `data` while they are few, else in `pieces`, as
# a blob's; `sha256` is their digest so far, in hex, null where it is not known. There are few uploads, and
# each lives for moments: more indexes than the key cost more than they save. With row numbers a row of 1 KiB
# fits into one page; without, it takes two.
uploads = Table(
    "uploads",
    metadata,
    Column("id", String(32), primary_key=True),
    new_reference("repository", "repositories.id"),
    Column("owner", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String, nullable=True),
    # Before the bytes, so that counting uploads does not read them.
    Column("started_at", Integer, nullable=False),
    Column("data", LargeBinary, nullable=True),
    Column("pieces", String, nullable=True),
)

# The keys of the blob store that no row names: doomed.py.
doomed = Table(
    "doomed",
    metadata,
    Column("key", String, primary_key=True),
    Column("due_at", Integer, nullable=False),
    sqlite_with_rowid=False,
)


@event.listens_for(metadata, "after_create")
def _doom_pieces(_metadata: MetaData, connection: Connection, **_: object) -> None:
    """Has SQLite enter the pieces of each row that goes, whatever deletes it: no writer can forget to."""
    for table in (blobs, uploads):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table.name}_dooms AFTER DELETE ON {table.name} WHEN json_valid(old.pieces) "  # noqa: S608
            "BEGIN INSERT OR REPLACE INTO doomed (key, due_at) "
            "SELECT json_extract(value, '$[0]'), 1 FROM json_each(old.pieces); END"
        )
