"""Write-ahead log (WAL) of SQLite: flushed, and checkpointed into the database, by this module.

SQLite would do both within COMMIT, and the event loop would wait.
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

# Flushes between two checkpoints.
_CHECKPOINT_EVERY = 256
# Pages of 4 KiB. While other connections write, a checkpoint never reaches the log's end, and the log grows.
_LONG = 4096

# Called when a flush has ended, with its error.
Done = Callable[[OSError | None], None]

_sync_data = getattr(os, "fdatasync", os.fsync)  # not on macOS


class LogFile:
    """The log of a database that this process has open.

    `flush` blocks. One thread runs the flushes of `begin_flush`, in order: `concurrent.futures` would take
    longer to pass one to a thread than the disk takes.
    """

    def __init__(self, database: Path) -> None:
        """Opens the log, which exists from the first write until the last connection is closed."""
        self._descriptor = os.open(f"{database}-wal", os.O_RDWR)
        # As SQLite does at its first flush: a loss of power may lose a file whose directory is not flushed.
        fsync(database.parent)
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._flushes = 0
        self._begun: SimpleQueue[tuple[asyncio.AbstractEventLoop, Done] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._flush_begun, name="database-flush", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Flushes all commits so far to the disk. Raises OSError."""
        _sync_data(self._descriptor)

    def begin_flush(self, loop: asyncio.AbstractEventLoop, done: Done) -> None:
        """Flushes all commits so far, in the thread; then the loop calls `done`."""
        self._begun.put((loop, done))

    def end_flushes(self) -> None:
        """Waits for the flushes that were begun, and ends the thread."""
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
            # RuntimeError: the loop has ended, and nothing waits for the flush.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done, failure)
                self._flushes += 1
                if self._flushes % _CHECKPOINT_EVERY == 0 and self._checkpoint() > _LONG:
                    # On the loop, because no write runs meanwhile: SQLite checkpoints the few commits since,
                    # and restarts the log.
                    loop.call_soon_threadsafe(self._checkpoint)

    def _checkpoint(self) -> int:
        """Moves what it can of the log into the database; returns the number of pages in the log.

        The next checkpoint moves what a reader or a full disk holds back. Damage is ignored here: reads of
        the damaged pages report it.
        """
        try:
            row = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            return 0
        return int(row[1])

    def close(self) -> None:
        """Closes the log and its connection."""
        self._connection.close()
        os.close(self._descriptor)
