"""SQLite's write-ahead log: flushed, and moved into the database, when we say so.

SQLite would do both within COMMIT, where the event loop would wait for them.
https://www.sqlite.org/wal.html#ckpt
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from docker_credential_gcr.emulator.runtime.files import fsync

# The log is moved into the database after so many flushes.
_CHECKPOINT_EVERY = 256
# Pages of 4 KiB. While others write, a checkpoint never reaches the log's end, and it grows.
_LONG = 4096

# Told of a fsync's end: what went wrong, if anything did.
Done = Callable[[OSError | None], None]

_sync_data = getattr(os, "fdatasync", os.fsync)  # not on macOS


class LogFile:
    """The log of a database that this process has open.

    `flush` blocks. A thread makes the flushes that are begun, one after the other: `concurrent.futures` would
    take longer to hand one over than the disk.
    """

    def __init__(self, database: Path) -> None:
        """The log must be there: it is from the first write until the last connection is closed."""
        self._descriptor = os.open(f"{database}-wal", os.O_RDWR)
        # As SQLite would at its own first fsync: without its name the log is lost with the power.
        fsync(database.parent)
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._flushes = 0
        self._begun: SimpleQueue[tuple[asyncio.AbstractEventLoop, Done] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._flush_begun, name="database-fsync", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Flushes every commit so far to the disk. Raises OSError."""
        _sync_data(self._descriptor)

    def begin_flush(self, loop: asyncio.AbstractEventLoop, done: Done) -> None:
        """Flushes every commit so far in the thread, and then has the loop call `done`."""
        self._begun.put((loop, done))

    def end_flushes(self) -> None:
        """Waits for the flushes that were begun; no other begins."""
        self._begun.put(None)
        self._thread.join()

    def _flush_begun(self) -> None:
        while (begun := self._begun.get()) is not None:
            loop, done = begun
            failure = None
            try:
                self.flush()
            except OSError as error:
                failure = error
            # A loop that has ended waits for nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done, failure)
                self._flushes += 1
                if self._flushes % _CHECKPOINT_EVERY == 0 and self._checkpoint() > _LONG:
                    # On the loop no write runs: SQLite moves the little that was committed since, and begins
                    # the log at its start.
                    loop.call_soon_threadsafe(self._checkpoint)

    def _checkpoint(self) -> int:
        """Returns the pages in the log, of which it moves what it can into the database.

        What a reader or a full disk holds back is moved next time. Damage, which no next time mends, shows
        itself to those who read what is damaged.
        """
        try:
            row = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            return 0
        return int(row[1])

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
        os.close(self._descriptor)
