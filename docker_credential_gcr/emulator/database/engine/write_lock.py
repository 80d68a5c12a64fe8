"""Whose turn it is to write to a database that several processes share.

SQLite waits for another's transaction by sleeping and trying again, longer each time, so that whoever
has just written is the likeliest to write next: with four busy processes one waited 2.5 seconds, and
past the busy time-out it would have failed. The kernel wakes who waits for a lock on a file at once.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a server is one process
    fcntl = None  # type: ignore[assignment]

# Bytes of the file. Whoever waits for the turn is the only one to: a process that lets it go cannot take
# it again before that one has had it.
_TURN, _NEXT = 0, 1


class Turns:
    """The turns of this process, taken by one thread at a time; its end, however it comes, ends one."""

    def __init__(self, path: Path) -> None:
        # Never opened twice: closing any descriptor of the file ends a turn.
        # https://man7.org/linux/man-pages/man2/F_GETLK.2const.html
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn, and have it until the block ends."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _NEXT)
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _TURN)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _NEXT)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _TURN)

    def close(self) -> None:
        """Take no more turns."""
        os.close(self._file)
