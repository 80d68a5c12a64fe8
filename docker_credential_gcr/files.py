"""Writes files: a regular one is replaced, so that readers see the old or the new one; a stream is written.

A stream is a device, a FIFO, a socket or a descriptor of this process: /dev/null, /dev/stdout, /dev/fd/3.
"""

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

READER_S = 10.0  # how long a FIFO without a reader is waited for
# What keeps a file from being replaced, and what mends that; docker, which replaces its file, fails likewise.
_MOUNT = (
    "it is a mount of its own, which cannot be replaced",
    "mount its directory instead, or change the file that is mounted there",
)
_DIRECTORY_HINT = "make its directory writable for this user: a new file takes the place of the old one"
_HINTS = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _DIRECTORY_HINT),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on its file system"),
}
FilePath = str | os.PathLike[str]

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_DESCRIPTORS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR_DIRECTORIES = ("/dev/fd", "/proc/self/fd")


def is_stream(path: FilePath) -> bool:
    """Returns whether another program reads what is written there: it cannot be read again, or replaced."""
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
    """Makes a directory that only its owner may enter. Raises OSError, also when it is another user's."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    found = os.stat(path)
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            raise PermissionError(f"{path!r} belongs to another user")
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)


def write_file(path: FilePath, data: bytes, *, mode: int | None = None, reader_s: float = READER_S) -> None:
    """Writes a file that a user has named: to a stream as it is, else by `replace_file`. Raises OSError."""
    if is_stream(path):
        _write_stream(path, data, reader_s)
    else:
        replace_file(path, data, mode=mode)


def replace_file(
    path: FilePath, data: bytes, *, like: os.stat_result | None = None, mode: int | None = None
) -> None:
    """Puts data in the place of a file. Raises OSError, and then nothing is left behind.

    The new file has the owner of `like`, if any, and its mode unless another is given; else it is 0600.
    """
    temporary = _name_temporary(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            if like and hasattr(os, "fchown"):
                with suppress(PermissionError):  # only root gives files away
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
            error.filename = os.fspath(path)  # a person knows nothing of the temporary one
        raise


def create_file(path: FilePath, data: bytes, link: Callable[[str, FilePath], None] = os.link) -> None:
    """Writes a private file unless one is there, also one that another process has made meanwhile."""
    temporary = _name_temporary(path)
    replace_file(temporary, data)
    try:
        link(temporary, path)
    except FileExistsError:
        pass
    except OSError:
        # A file system without hard links, on which two that come at once are told apart by nothing.
        if not os.path.exists(path):
            os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def explain_write(path: str, error: Exception) -> tuple[str, str]:
    """Returns what to say of a file that could not be written, and what mends it."""
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or str(error)
    reason, hint = _MOUNT if number == errno.EBUSY else (reason, _HINTS.get(number or 0, ""))
    return f"cannot write {path!r}: {reason}", hint


def _name_temporary(path: FilePath) -> str:
    return f"{os.fspath(path)}.{os.urandom(4).hex()}.tmp"


def _write_stream(path: FilePath, data: bytes, reader_s: float) -> None:
    number = _find_descriptor(path)
    # A descriptor is duplicated: a socket cannot be opened, and a file would be written from its start.
    descriptor = _open_stream(path, reader_s) if number is None else os.dup(number)
    with open(descriptor, "wb") as file:
        if number is None:
            _check_owner(path, os.fstat(descriptor))
        file.write(data)


def _open_stream(path: FilePath, reader_s: float) -> int:
    """Returns a descriptor to write to. Raises OSError for a FIFO that gets no reader in time."""
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
    """Raises PermissionError for a FIFO of another user, who would read what is written."""
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
    """Keeps other runs of this program from changing the files of a directory; leaves no file behind.

    Raises TimeoutError. A file system without locks is not waited for.
    """
    if sys.platform == "win32":  # has no lock on a directory: the replacement is atomic all the same
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
    """Keeps other runs of this program out of a block. Gives False where it cannot, or not in time.

    The file stays, in a directory that only its owner may enter: another run may wait for it.
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
        except (BlockingIOError, PermissionError):  # the latter is Windows' word, and some file systems'
            if time.monotonic() >= deadline:
                raise TimeoutError("another run holds the lock") from None
            time.sleep(0.02)
        except OSError as error:
            raise _NoLocks from error


def _lock(descriptor: int) -> None:
    """Locks an open file until it is closed. Raises OSError, at once where another process holds it."""
    # `filelock` does the same, and takes 15 ms to load.
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
