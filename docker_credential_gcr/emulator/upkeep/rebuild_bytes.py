"""The blobs of a new database, held against the bytes: what is wrong goes, what is named comes back."""

import sqlite3
from pathlib import Path

from docker_credential_gcr.emulator.blobs.filesystem import BlobFile, BlobFiles

from .check_bytes import find_wrong_blobs
from .progress import BYTES, Progress
from .reading import Checked, hash_file
from .rebuild_rows import Lose

_BUCKET = "SELECT id FROM buckets WHERE name = ?"
# Whether a manifest of the bucket names the blob, of which there is no row.
_WANTED = (
    "SELECT 1 FROM manifest_blobs JOIN repositories ON repositories.id = manifest_blobs.repository "
    "WHERE repositories.bucket = :bucket AND manifest_blobs.digest = :digest "
    "AND NOT EXISTS (SELECT 1 FROM blobs WHERE bucket = :bucket AND digest = :digest)"
)
_ADD = "INSERT INTO blobs (bucket, digest, size, data, created_at) VALUES (?, ?, ?, NULL, ?)"
_LINK = (
    "INSERT OR IGNORE INTO blob_links (repository, blob, used_at) "
    "SELECT manifest_blobs.repository, blobs.id, ? FROM manifest_blobs "
    "JOIN repositories ON repositories.id = manifest_blobs.repository "
    "JOIN blobs ON blobs.bucket = repositories.bucket AND blobs.digest = manifest_blobs.digest"
)


def drop_wrong_blobs(root: Path, new: sqlite3.Connection, lose: Lose, progress: Progress) -> None:
    """Delete the rows of blobs whose bytes are not there, or not theirs; reads all bytes."""
    checked = Checked(new, root, quick=False, sparse=True, progress=progress)
    for blob_id, finding in list(find_wrong_blobs(checked)):
        lose(f"blob {finding.subject}: {finding.text}")
        new.execute("DELETE FROM blob_links WHERE blob = ?", (blob_id,))
        new.execute("DELETE FROM blobs WHERE id = ?", (blob_id,))


def adopt_files(root: Path, new: sqlite3.Connection, progress: Progress, *, now: float) -> None:
    """Enter the blobs that a manifest names, and whose bytes are files that no row knows."""
    progress.begin("files without a row", None, BYTES)
    for files in BlobFiles(root).list_blobs():
        for file in files:
            _adopt(root, new, file, progress, now=now)


def _adopt(root: Path, new: sqlite3.Connection, file: BlobFile, progress: Progress, *, now: float) -> None:
    bucket = new.execute(_BUCKET, (file.bucket,)).fetchone()
    if bucket is None:
        return
    if not new.execute(_WANTED, {"bucket": bucket["id"], "digest": file.digest}).fetchone():
        return
    path = BlobFiles(root).path(file.bucket, file.digest)
    if hash_file(path, file.digest, advance=progress.advance) == file.digest:
        new.execute(_ADD, (bucket["id"], file.digest, file.size, int(now)))


def restore_links(new: sqlite3.Connection, *, now: float) -> None:
    """Let each repository see the blobs that its manifests name."""
    new.execute(_LINK, (int(now),))
