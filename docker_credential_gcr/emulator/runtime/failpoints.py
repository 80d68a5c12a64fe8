"""Named points between one write and the next, at which a test lets the process die as of a power cut.

    GCR_EMULATOR_CRASH_AT=piece-written gcr-emulator serve --data DIR

The variable is read once, at the start; without it a point costs a comparison.
"""

import os
import signal

# The name of each point, and what was done when it is reached.
POINTS = {
    "piece-doomed": "the key of a piece is entered in doomed, nothing is written under it",
    "piece-written": "the bytes of the piece are on the disk, no row names it",
    "upload-written": "the bytes of a chunk have arrived, the upload's row does not count them",
    "upload-moved": "the upload's row counts them and names the piece, the client was not told",
    "pieces-condemned": "keys that no row names can no longer be named, their bytes are still there",
    "pieces-deleted": "the bytes are deleted, their keys are still in doomed",
    "blob-committed": "the blob's row is committed, the client was not told",
    "blob-mounted": "a link to a blob is committed, the client was not told",
    "blob-unlinked": "a link is gone, the client was not told",
    "manifest-written": "a manifest's rows are written, not committed",
    "manifest-committed": "they are committed, the client was not told",
    "manifest-removed": "a manifest or a tag is gone, the client was not told",
    "gc-links-removed": "the collection removed links that no manifest needs",
    "gc-rows-removed": "it removed the rows of blobs, and their pieces are doomed",
    "snapshot-written": "a snapshot of the database is written, not yet in the place of the last one",
    "migration-saved": "a copy of the older database is beside it, nothing is migrated",
    "migration-step": "the migration is half done, nothing of it is committed",
    "migration-committed": "the migration is committed",
    "rebuild-written": "the new database is made, not yet in its place",
    "rebuild-placed": "the new database is in its place",
}

_armed = os.environ.get("GCR_EMULATOR_CRASH_AT")


def reach(name: str) -> None:
    """Die here if this point is armed."""
    if name == _armed:
        os.kill(os.getpid(), signal.SIGKILL)
