"""Flushes of the database's log, one after the other, in a thread of their own."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from .log_file import LogFile

# Told of a flush's end: what went wrong, if anything did.
Done = Callable[[OSError | None], None]


class Flushes:
    """Flushes the log for whoever asks; `concurrent.futures` would take longer to hand over than the disk."""

    def __init__(self, log: LogFile) -> None:
        self._log = log
        self._asked: SimpleQueue[tuple[asyncio.AbstractEventLoop, Done] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="database-flush", daemon=True)
        self._thread.start()

    def begin(self, loop: asyncio.AbstractEventLoop, done: Done) -> None:
        """Flush what was committed so far, and then have the loop call `done`."""
        self._asked.put((loop, done))

    def close(self) -> None:
        """Finish what was asked for."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            self._flush(*asked)

    def _flush(self, loop: asyncio.AbstractEventLoop, done: Done) -> None:
        failure = None
        try:
            self._log.flush()
        except OSError as error:
            failure = error
        # A loop that has ended waits for nothing.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(done, failure)
            if self._log.checkpoint_at_times():
                loop.call_soon_threadsafe(self._log.shorten)
