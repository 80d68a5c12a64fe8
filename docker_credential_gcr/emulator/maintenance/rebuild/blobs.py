"""Blobs of a rebuilt database: drops those with wrong bytes, adopts files that manifests name."""

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, insert
from docker_credential_gcr.emulator.maintenance.fsck.blobs import find_wrong_blobs
from docker_credential_gcr.emulator.maintenance.fsck.context import CheckContext
from docker_credential_gcr.emulator.maintenance.progress import BYTES, Progress
from docker_credential_gcr.emulator.maintenance.rowless import (
    find_named_keys,
    find_rowless,
    find_wanted,
    find_wanted_digest,
)
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import format_pieces, is_whole

from .rows import ReportLoss
from .salvage import Salvage

_LINK = (
    "INSERT OR IGNORE INTO blob_links (repository, blob, used_at) "
    "SELECT manifest_blobs.repository, blobs.id, ? FROM manifest_blobs "
    "JOIN repositories ON repositories.id = manifest_blobs.repository "
    "JOIN blobs ON blobs.bucket = repositories.bucket AND blobs.digest = manifest_blobs.digest"
)


def drop_wrong_blobs(made: CheckContext, report_loss: ReportLoss) -> None:
    """Deletes the rows of blobs whose bytes are missing or wrong; reads all bytes."""
    for blob_id, finding in list(find_wrong_blobs(made)):
        report_loss(f"blob {finding.subject}: {finding.text}")
        made.connection.execute("DELETE FROM blob_links WHERE blob = ?", (blob_id,))
        made.connection.execute("DELETE FROM blobs WHERE id = ?", (blob_id,))


def adopt_files(new: Connection, store: FileStore, *, now: float, progress: Progress) -> None:
    """Adds the blobs that a manifest names and whose bytes are in files without a row."""
    progress.begin("files without a row", None, BYTES)
    wanted = find_wanted(new)
    for keys in list(find_rowless(new, store)) if wanted else ():
        digest = find_wanted_digest(store, keys, wanted.keys(), progress)
        if digest is None:
            continue
        # A file belongs to one bucket.
        bucket = wanted[digest].pop()
        if not wanted[digest]:
            del wanted[digest]
        pieces = [(key, store.path(key).stat().st_size) for key in keys]
        bytes_of = {"size": sum(size for _, size in pieces), "pieces": format_pieces(pieces)}
        insert(new, "blobs", {"bucket": bucket, "digest": digest, **bytes_of, "created_at": int(now)})


def drop_lost_uploads(new: Connection, store: FileStore) -> None:
    """Deletes uploads that have lost bytes: clients start them again."""
    uploads = new.execute("SELECT id, pieces FROM uploads WHERE pieces IS NOT NULL").fetchall()
    for upload_id, text in uploads:
        if not is_whole(store, text):
            new.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))


def copy_doomed(salvage: Salvage) -> None:
    """Copies the doomed keys of the old database, without those of rows that were dropped.

    The bytes of dropped rows stay: a copy of the database may name them.
    """
    salvage.new.execute("DELETE FROM doomed")
    salvage.copy(schema.doomed, complete=False)


def drop_named(new: Connection) -> None:
    """Deletes the doomed entries of keys that a row names."""
    new.executemany("DELETE FROM doomed WHERE key = ?", [(key,) for key in find_named_keys(new)])


def restore_links(new: Connection, *, now: float) -> None:
    """Links the blobs that manifests name to their repositories."""
    new.execute(_LINK, (int(now),))
