"""Revision 5: references of manifests that had no row yet, so that they are not collected as garbage.

They are foreign layers, which a client may have pushed nevertheless, and entries of an index, which may be
layers of a build cache. Adds the identity of the database, too.
"""

import json
import re
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# A few at a time: a document may have 4 MiB.
_PAGE = "SELECT id, repository, data FROM manifests WHERE id > :last ORDER BY id LIMIT 20"
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
_INSERT = (
    "INSERT OR IGNORE INTO manifest_blobs (manifest, digest, repository) "
    "VALUES (:manifest, :digest, :repository)"
)


def upgrade() -> None:
    """Adds the references from the documents, and the identity."""
    connection, last = op.get_bind(), 0
    values = {"number": secrets.randbits(62)}
    connection.execute(sa.text("INSERT INTO revisions VALUES ('identity', :number)"), values)
    while page := connection.execute(sa.text(_PAGE), {"last": last}).all():
        named = [
            {"manifest": row.id, "repository": row.repository, "digest": digest}
            for row in page
            for digest in sorted(_find_named(row.data))
        ]
        if named:
            connection.execute(sa.text(_INSERT), named)
        last = page[-1].id


def _find_named(data: bytes) -> set[str]:
    """Returns the digests in the document; none where it cannot be read, which fsck reports."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return set()
    if not isinstance(document, dict):
        return set()
    found: list[Any] = [document.get("config")]
    for name in ("layers", "manifests"):
        entries = document.get(name)
        found += entries if isinstance(entries, list) else []
    digests = [entry.get("digest") for entry in found if isinstance(entry, dict)]
    return {digest for digest in digests if isinstance(digest, str) and _DIGEST.fullmatch(digest)}
