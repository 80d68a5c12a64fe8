"""Tables of blobs and uploads, and of the keys that no row names; the whole schema is in __init__.py."""

from sqlalchemy import (
    Column,
    ForeignKey,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from .columns import NUMBER, TEXT, make_text, metadata, new_id, new_reference

# The bytes are in `data`, or in the blob store, of which `pieces` is the JSON list: storage/pieces.py.
blobs = Table(
    "blobs",
    metadata,
    new_id(),
    new_reference("bucket", "buckets.id"),
    Column("digest", TEXT, nullable=False),
    Column("size", NUMBER, nullable=False),
    Column("data", LargeBinary, nullable=True),
    Column("created_at", NUMBER, nullable=False),
    Column("pieces", TEXT, nullable=True),
    UniqueConstraint("bucket", "digest"),
)

# Hashes that Cloud Storage shows, in base64; a blob has no row until a client asks for them.
blob_hashes = Table(
    "blob_hashes",
    metadata,
    Column("blob", NUMBER, ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True),
    Column("crc32c", TEXT, nullable=False),
    Column("md5", TEXT, nullable=False),
)

# A repository has only the blobs that are linked to it. `used_at` is when a client last relied on the link:
# it pushed, mounted or requested the blob, or deleted a manifest that named it.
blob_links = Table(
    "blob_links",
    metadata,
    Column("repository", NUMBER, ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True),
    Column("blob", NUMBER, ForeignKey("blobs.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("used_at", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

# An upload has a row from its first bytes on. `sequence` counts the requests with bytes, and is a part of the
# next request's URL. `owner` is the member that started the upload. Few bytes are in `data`, more in
# `pieces`, as a blob's; `sha256` is their digest so far, in hex, null where it is not known. Only the key is
# indexed: there are few uploads, and each is short. With row numbers a row of 1 KiB fits into one page;
# without, it takes two.
uploads = Table(
    "uploads",
    metadata,
    Column("id", make_text(32), primary_key=True),
    new_reference("repository", "repositories.id"),
    Column("owner", TEXT, nullable=False),
    Column("sequence", NUMBER, nullable=False),
    Column("size", NUMBER, nullable=False),
    Column("sha256", TEXT, nullable=True),
    # Before the bytes, so that counting uploads does not read them.
    Column("started_at", NUMBER, nullable=False),
    Column("data", LargeBinary, nullable=True),
    Column("pieces", TEXT, nullable=True),
)

# Keys of the blob store that no row names: images/doomed.py.
doomed = Table(
    "doomed",
    metadata,
    Column("key", TEXT, primary_key=True),
    Column("due_at", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)
