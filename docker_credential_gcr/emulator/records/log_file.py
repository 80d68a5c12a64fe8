"""SQLite's write-ahead log: flushed, and moved into the database, when we say so.

SQLite would do both within COMMIT, where the event loop would wait for them.
https://www.sqlite.org/wal.html#ckpt
"""

import os
import sqlite3
from pathlib import Path

from docker_credential_gcr.emulator.disk import flush

# The log is moved into the database after so many flushes.
_CHECKPOINT_EVERY = 256
# Pages of 4 KiB. While others write, a checkpoint never reaches the log's end, and it grows.
_LONG = 4096

_sync_data = getattr(os, "fdatasync", os.fsync)  # not on macOS


class LogFile:
    """The log of a database that this process has open; `flush` blocks, and so do checkpoints."""

    def __init__(self, database: Path) -> None:
        """The log must be there: it is from the first write until the last connection is closed."""
        self._descriptor = os.open(f"{database}-wal", os.O_RDWR)
        # As SQLite would at its own first flush: without its name the log is lost with the power.
        flush(database.parent)
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._flushes = 0

    def flush(self) -> None:
        """Have every commit so far on the disk. Raises OSError."""
        _sync_data(self._descriptor)

    def checkpoint_at_times(self) -> bool:
        """Move what was flushed into the database, now and then; True when `shorten` should be called."""
        self._flushes += 1
        if self._flushes < _CHECKPOINT_EVERY:
            return False
        self._flushes = 0
        return self._checkpoint() > _LONG

    def shorten(self) -> None:
        """Move the little that was committed since, while nobody writes: SQLite then begins the log anew."""
        self._checkpoint()

    def _checkpoint(self) -> int:
        """Pages in the log. What cannot be moved, for a reader or a full disk, is moved next time.

        Damage, which no next time mends, shows itself to whoever reads what is damaged.
        """
        try:
            row = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            return 0
        return int(row[1])

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()
        os.close(self._descriptor)
