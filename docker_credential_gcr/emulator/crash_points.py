"""Named points between one write and the next, at which a test lets the process die as of a power cut.

    GCR_EMULATOR_CRASH_AT=blob-renamed gcr-emulator serve --data DIR

The variable is read once, at the start; without it a point costs a comparison.
"""

import os
import signal

# The name of each point, and what was done when it is reached.
POINTS = {
    "upload-written": "the bytes of a chunk have arrived, what is kept of the upload does not count them",
    "upload-moved": "what is kept of it counts them, the client was not told",
    "blob-flushed": "all bytes of a blob are on the disk, under the upload's name",
    "blob-renamed": "they are under the blob's name, its row is not written",
    "blob-committed": "the blob's row is committed, the client was not told",
    "blob-mounted": "a link to a blob is committed, the client was not told",
    "blob-unlinked": "a link is gone, the client was not told",
    "manifest-written": "a manifest's rows are written, not committed",
    "manifest-committed": "they are committed, the client was not told",
    "manifest-removed": "a manifest or a tag is gone, the client was not told",
    "gc-links-removed": "the collection removed links that no manifest needs",
    "gc-rows-removed": "it removed the rows of blobs, whose bytes are still there",
    "gc-bytes-removed": "it removed the bytes of one of them",
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
