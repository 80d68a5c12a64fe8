"""The blobs of a new database, held against the bytes: what is wrong goes, what is named comes back."""

from pathlib import Path

from docker_credential_gcr.emulator.database.engine.file import Connection
from docker_credential_gcr.emulator.records import schema
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import format_pieces, is_whole

from .check_bytes import find_wrong_blobs
from .progress import BYTES, Progress
from .reading import Checked
from .rebuild_rows import Lose
from .rowless import find_named, find_rowless, find_wanted, find_wanted_digest, measure
from .salvage import Salvage

_ADD = "INSERT INTO blobs (bucket, digest, size, pieces, created_at) VALUES (?, ?, ?, ?, ?)"
_LINK = (
    "INSERT OR IGNORE INTO blob_links (repository, blob, used_at) "
    "SELECT manifest_blobs.repository, blobs.id, ? FROM manifest_blobs "
    "JOIN repositories ON repositories.id = manifest_blobs.repository "
    "JOIN blobs ON blobs.bucket = repositories.bucket AND blobs.digest = manifest_blobs.digest"
)


def drop_wrong_blobs(root: Path, new: Connection, lose: Lose, progress: Progress) -> None:
    """Delete the rows of blobs whose bytes are not there, or not theirs; reads all bytes."""
    checked = Checked(new, root, quick=False, sparse=True, progress=progress)
    for blob_id, finding in list(find_wrong_blobs(checked)):
        lose(f"blob {finding.subject}: {finding.text}")
        new.execute("DELETE FROM blob_links WHERE blob = ?", (blob_id,))
        new.execute("DELETE FROM blobs WHERE id = ?", (blob_id,))


def adopt_files(root: Path, new: Connection, progress: Progress, *, now: float) -> None:
    """Enters the blobs that a manifest names and that only files without a row hold."""
    progress.begin("files without a row", None, BYTES)
    store, wanted = FileStore(root), find_wanted(new)
    for rowless in list(find_rowless(new, store)) if wanted else ():
        digest = find_wanted_digest(store, rowless, wanted.keys(), progress)
        if digest is None:
            continue
        # Each bucket has files of its own.
        bucket = wanted[digest].pop()
        if not wanted[digest]:
            del wanted[digest]
        pieces = measure(store, rowless.keys)
        size = sum(size for _, size in pieces)
        new.execute(_ADD, (bucket, digest, size, format_pieces(pieces), int(now)))


def drop_lost_uploads(root: Path, new: Connection) -> None:
    """Deletes the uploads that have lost bytes: clients start them again."""
    uploads = new.execute("SELECT id, pieces FROM uploads WHERE pieces IS NOT NULL").fetchall()
    for upload_id, text in uploads:
        if not is_whole(FileStore(root), text):
            new.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))


def copy_doomed(salvage: Salvage) -> None:
    """Copies the keys that were doomed, without those of the rows that were dropped.

    Their bytes stay: a copy of the database may know what they are.
    """
    salvage.new.execute("DELETE FROM doomed")
    salvage.copy(schema.doomed, complete=False)


def drop_named(new: Connection) -> None:
    """Deletes the entries of keys that a row names."""
    new.executemany("DELETE FROM doomed WHERE key = ?", [(key,) for key in find_named(new)])


def restore_links(new: Connection, *, now: float) -> None:
    """Let each repository see the blobs that its manifests name."""
    new.execute(_LINK, (int(now),))
