"""Failpoints: named points between two writes, at which a test kills the process.

    GCR_EMULATOR_CRASH_AT=piece-written gcr-emulator serve --data DIR

The variable is read once, at the start; without it a failpoint costs a comparison.
"""

import os
import signal

# name -> the state when the process reaches it
POINTS = {
    "piece-doomed": "the key of a piece is in doomed, no byte is written",
    "piece-written": "the bytes of the piece are on the disk, no row names the key",
    "upload-written": "the bytes of a chunk have arrived, the upload's row does not count them",
    "upload-moved": "the upload's row counts the bytes and names the piece, the client has no response",
    "pieces-condemned": "keys that no row names are condemned, their bytes are still there",
    "pieces-deleted": "the bytes are deleted, their keys are still in doomed",
    "blob-committed": "the blob's row is committed, the client has no response",
    "blob-mounted": "a link to a blob is committed, the client has no response",
    "blob-unlinked": "a link is deleted, the client has no response",
    "manifest-written": "a manifest's rows are written, not committed",
    "manifest-committed": "a manifest's rows are committed, the client has no response",
    "manifest-removed": "a manifest or a tag is deleted, the client has no response",
    "copy-written": "the rows of an image are copied, not committed; the copies of its blobs are",
    "copy-committed": "the rows of an image are copied and committed, the client has no response",
    "gc-links-removed": "the collection has deleted links that no manifest needs",
    "gc-rows-removed": "the collection has deleted the rows of blobs, their pieces are doomed",
    "snapshot-written": "a snapshot of the database is written, the last one not yet replaced",
    "migration-saved": "a copy of the older database is saved next to it, nothing is migrated",
    "migration-step": "a step of the migration is done, nothing is committed",
    "migration-committed": "the migration is committed",
    "rebuild-written": "the new database is written, the old one not yet replaced",
    "rebuild-placed": "the new database has replaced the old one",
    "move-object-sent": "an object is in the store, no row is in PostgreSQL",
    "move-rows-copied": "all rows are copied to PostgreSQL, not committed",
    "move-marked": "the data directory is marked as moved, the rows are not committed",
    "move-committed": "the rows are committed",
}

_armed = os.environ.get("GCR_EMULATOR_CRASH_AT")


def reach(name: str) -> None:
    """Kills the process if this failpoint is armed."""
    if name == _armed:
        os.kill(os.getpid(), signal.SIGKILL)
