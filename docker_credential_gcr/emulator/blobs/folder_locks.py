"""Locks on folders: pushes share them, a collection has them alone; of all processes, and gone with them.

https://man7.org/linux/man-pages/man2/flock.2.html
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where no folder can be opened, and so none flushed either
    fcntl = None  # type: ignore[assignment]


class Hold:
    """Until it is closed, nobody is alone in the folders: `with Hold(folder): ...`."""

    def __init__(self, *folders: Path) -> None:
        self._descriptors: list[int] = []
        for folder in folders:
            self._descriptors.append(os.open(folder, os.O_RDONLY))
            fcntl.flock(self._descriptors[-1], fcntl.LOCK_SH)

    def close(self) -> None:
        """Let go of the folders."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> "Hold":
        """The hold itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # A request that was cancelled never gets the hold that its thread took.
    __del__ = close


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Whether nobody holds the folder, nor will until the block ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
