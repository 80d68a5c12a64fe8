"""Fixtures of special files: a FIFO, a terminal, a null device."""

import contextlib
import os
import pty
import stat
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S

MAKES_DEVICES = pytest.mark.needs_root("make a device")


class Stream:
    """A path that is not a regular file; `read` returns what was written, after the writer has closed it."""

    def __init__(self, path: Path, read: Callable[[], str]) -> None:
        self.path = path
        self.read = read
        self._before = self._look()

    def _look(self) -> tuple[int, int, int, int]:
        found = self.path.stat()
        return found.st_mode, found.st_rdev, found.st_ino, found.st_uid

    def is_untouched(self) -> bool:
        return self._look() == self._before


@pytest.fixture
def fifo(tmp_path: Path) -> Stream:
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o644)
    parts: list[str] = []
    reader = threading.Thread(target=lambda: parts.append(path.read_text()), daemon=True)
    reader.start()

    def read() -> str:
        reader.join(LIMIT_S)
        return parts[0]

    return Stream(path, read)


@pytest.fixture
def terminal() -> Iterator[Stream]:
    """Yields a character device that every user can create."""
    ours, descriptor = pty.openpty()
    tty.setraw(descriptor, termios.TCSANOW)
    with os.fdopen(descriptor, "rb", 0) as theirs:

        def read() -> str:
            # One read may return a part; with the other end closed the last one fails with EIO.
            theirs.close()
            parts = []
            with contextlib.suppress(OSError):
                while part := os.read(ours, 65536):
                    parts.append(part)
            return b"".join(parts).decode()

        yield Stream(Path(os.ttyname(descriptor)), read)
    os.close(ours)


@pytest.fixture
def null(tmp_path: Path) -> Stream:
    """Creates a second /dev/null: the machine's own is not for tests."""
    path = tmp_path / "null"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        path.read_bytes()
    except PermissionError:
        pytest.skip("this file system has no devices: set TMPDIR to one that has them")
    return Stream(path, lambda: "")
