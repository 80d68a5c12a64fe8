"""Files: writes and locks them. A regular file is replaced, so a reader sees the old or the new content.

A stream is written: a device, a FIFO, a socket or a descriptor of this process, such as /dev/stdout.
"""

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

READER_S = 10.0  # the longest wait for a reader of a FIFO
# Why a file cannot be replaced, and what mends that. docker replaces its file as well, and fails likewise.
_MOUNT = (
    "it is a mount point, which cannot be replaced",
    "mount its directory instead, or change the file that is mounted there",
)
_DIRECTORY_HINT = "make its directory writable for this user: the old file is replaced by a new one"
_HINTS = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _DIRECTORY_HINT),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on its file system"),
}
FilePath = str | os.PathLike[str]

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_DESCRIPTORS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR_DIRECTORIES = ("/dev/fd", "/proc/self/fd")


def is_stream(path: FilePath) -> bool:
    """Returns whether a path is a stream, whose content cannot be read again or replaced."""
    if _find_descriptor(path) is not None:
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def resolve(path: str) -> str:
    """Returns the path of the file behind symbolic links; a stream keeps its name."""
    return path if is_stream(path) else os.path.realpath(path)


def make_private_directory(path: str) -> None:
    """Creates a directory that only its owner may enter. Raises OSError, also when it is another user's."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    found = os.stat(path)
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            raise PermissionError(f"{path!r} belongs to another user")
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)


def write_file(path: FilePath, data: bytes, *, mode: int | None = None, reader_s: float = READER_S) -> None:
    """Writes a file that a user has named: into a stream, else by `replace_file`. Raises OSError."""
    if is_stream(path):
        _write_stream(path, data, reader_s)
    else:
        replace_file(path, data, mode=mode)


def replace_file(
    path: FilePath, data: bytes, *, like: os.stat_result | None = None, mode: int | None = None
) -> None:
    """Replaces a file by a new one, atomically. Raises OSError, and then leaves no temporary file.

    The new file has the owner and the mode of `like`, if given, but for a given `mode`; else it is 0600.
    """
    temporary = _name_temporary(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            if like and hasattr(os, "fchown"):
                with suppress(PermissionError):  # only root may change the owner of a file
                    os.fchown(file.fileno(), like.st_uid, like.st_gid)
                mode = like.st_mode & 0o7777 if mode is None else mode
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename = os.fspath(path)  # the user does not know the temporary one
        raise


def create_file(path: FilePath, data: bytes, link: Callable[[str, FilePath], None] = os.link) -> None:
    """Creates a private file, unless it exists; a file that another process creates meanwhile stays."""
    temporary = _name_temporary(path)
    replace_file(temporary, data)
    try:
        link(temporary, path)
    except FileExistsError:
        pass
    except OSError:
        # Without hard links, the second of two processes at the same time replaces the file of the first.
        if not os.path.exists(path):
            os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def explain_write(path: str, error: Exception) -> tuple[str, str]:
    """Returns the text and the hint for a file that could not be written."""
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or str(error)
    reason, hint = _MOUNT if number == errno.EBUSY else (reason, _HINTS.get(number or 0, ""))
    return f"cannot write {path!r}: {reason}", hint


def _name_temporary(path: FilePath) -> str:
    return f"{os.fspath(path)}.{os.urandom(4).hex()}.tmp"


def _write_stream(path: FilePath, data: bytes, reader_s: float) -> None:
    number = _find_descriptor(path)
    # dup, not open: a socket cannot be opened, and a file would be overwritten from its start.
    descriptor = _open_stream(path, reader_s) if number is None else os.dup(number)
    with open(descriptor, "wb") as file:
        if number is None:
            _check_owner(path, os.fstat(descriptor))
        file.write(data)


def _open_stream(path: FilePath, reader_s: float) -> int:
    """Returns a descriptor to write to. Raises OSError for a FIFO without a reader at the deadline."""
    deadline = time.monotonic() + reader_s
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.ENXIO, "no process reads it", path) from error
            time.sleep(0.02)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def _check_owner(path: FilePath, found: os.stat_result) -> None:
    """Raises PermissionError for a FIFO of another user, who could read the data."""
    if stat.S_ISFIFO(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EPERM, "it belongs to another user", path)


def _find_descriptor(path: FilePath) -> int | None:
    """Returns the descriptor of this process that a path names: 1 for /dev/stdout."""
    directory, name = os.path.split(path)
    if directory in _DESCRIPTOR_DIRECTORIES and name.isascii() and name.isdigit():
        return int(name)
    return _DESCRIPTORS.get(os.fspath(path))


@contextmanager
def lock_directory(path: str, timeout_s: float = 10) -> Iterator[None]:
    """Locks a directory, so that other processes of this program do not change its files; creates no file.

    Raises TimeoutError. A file system without locks is used without one.
    """
    if sys.platform == "win32":  # a directory cannot be locked there; replacing a file is atomic all the same
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(_NoLocks):
            _wait_for_lock(descriptor, timeout_s)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def lock_file(path: str, timeout_s: float) -> Iterator[bool]:
    """Locks a file during a block, and yields whether it is locked: False without locks, or when too late.

    The file is not deleted, because another process may wait for it. Its directory is private.
    """
    try:
        make_private_directory(os.path.dirname(path))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
    except OSError:
        yield False
        return
    try:
        yield _is_locked(descriptor, timeout_s)
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int, timeout_s: float) -> bool:
    try:
        _wait_for_lock(descriptor, timeout_s)
    except (TimeoutError, _NoLocks):
        return False
    return True


class _NoLocks(Exception):
    """The file system has no locks."""


def _wait_for_lock(descriptor: int, timeout_s: float) -> None:
    """Locks an open file or directory. Raises TimeoutError and _NoLocks."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            _lock(descriptor)
            return
        except (BlockingIOError, PermissionError):  # the latter on Windows, and on some file systems
            if time.monotonic() >= deadline:
                raise TimeoutError("another process holds the lock") from None
            time.sleep(0.02)
        except OSError as error:
            raise _NoLocks from error


def _lock(descriptor: int) -> None:
    """Locks an open file until it is closed. Raises OSError at once when another process has the lock."""
    # Not `filelock`, which does the same: it takes 15 ms to load.
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
