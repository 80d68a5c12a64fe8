"""Write lock between processes that share a database: one of them writes at a time, in the order of arrival.

SQLite waits for another process's transaction by sleeping and trying again, longer each time, so that the
process that has just written is the likeliest to write next: of four busy processes one waited 2.5 seconds,
and after the busy time-out it would have failed. A process that waits for a file lock is woken by the kernel
at once.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a server is one process
    fcntl = None  # type: ignore[assignment]

# Bytes of the file. A process waits for _LOCK while it holds _NEXT: the process that releases _LOCK cannot
# take it again before that one has had it.
_LOCK, _NEXT = 0, 1


class WriteLock:
    """The lock, for one thread of this process at a time; the end of the process releases it."""

    def __init__(self, path: Path) -> None:
        # Opened once: to close any descriptor of the file releases the lock.
        # https://man7.org/linux/man-pages/man2/F_GETLK.2const.html
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Waits for the lock, and holds it for a block."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _NEXT)
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _LOCK)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _NEXT)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _LOCK)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)
