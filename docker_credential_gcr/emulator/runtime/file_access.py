"""File status and content, also where this user may not look, and the line that reports it.

pathlib cannot be asked: until Python 3.13 its `exists` and `is_dir` raise PermissionError where a directory
may not be entered, from 3.14 on they answer False, as if nothing were there.
"""

import errno
import os
import stat
from pathlib import Path

MAX_SIZE = 1024 * 1024
# O_NONBLOCK: the open of a FIFO would wait for its writer.
_OPEN_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC"))


def find_status(path: Path) -> os.stat_result | None:
    """The status of what the path leads to; None where nothing is.

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


def format_fault(error: OSError) -> str:
    """The file, if there is one, and the reason: /srv/data/keys: Permission denied."""
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
