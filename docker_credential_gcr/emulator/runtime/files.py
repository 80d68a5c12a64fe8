"""Files and directories: status, bounded reads, fsync, and private modes whatever the umask.

pathlib is not used for the status: until Python 3.13 its `exists` and `is_dir` raise PermissionError where a
directory may not be entered, from 3.14 on they answer False, as if nothing were there.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_SIZE = 1024 * 1024
# O_NONBLOCK: without it the open of a FIFO waits for a writer.
_OPEN_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC"))


def find_status(path: Path) -> os.stat_result | None:
    """Returns the status of the file that the path leads to; None where no file is.

    Raises OSError, also where this user may not look.
    """
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_file(path: Path) -> bytes:
    """Returns the content of a regular file of at most MAX_SIZE bytes, and never waits for it.

    Raises OSError with its text in `strerror`, also for a directory, a FIFO, a device and a larger file.
    """
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except ValueError as error:  # NUL, or a character that no path has
        raise OSError(errno.EINVAL, "not the name of a file", str(path)) from error
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        data = file.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise OSError(errno.EFBIG, "larger than 1 MiB", str(path))
    return data


def format_os_error(error: OSError) -> str:
    """Returns the file, if there is one, and the reason: /srv/data/keys: Permission denied."""
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)


def fsync(path: Path, flags: int = os.O_RDONLY) -> None:
    """Flushes a file's bytes, or the names in a directory, to the disk; blocks. Raises OSError."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_private_directory(path: Path) -> None:
    """Creates a directory and its missing parents, all of mode 0700. Raises OSError.

    `mkdir(mode=…, parents=True)` gives the parents the mode of the umask.
    """
    if find_status(path) is None:
        create_private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def create_private_file(path: Path) -> None:
    """Creates an empty file of mode 0600, unless it exists. Raises OSError."""
    # An existing file is not opened: to close a second descriptor of SQLite's file releases SQLite's locks.
    # https://www.sqlite.org/howtocorrupt.html
    if find_status(path) is None:
        path.touch(mode=0o600)


def open_private(path: str, flags: int) -> int:
    """Opens a file, with mode 0600 if that creates it: an `opener` for `open`."""
    return os.open(path, flags, 0o600)


@contextmanager
def private_umask() -> Iterator[None]:
    """Sets the umask 077 for a block: other users get no access to what this process creates."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
