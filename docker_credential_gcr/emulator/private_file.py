"""Writes files that hold secrets, or lead to them: regular files are replaced, streams are written.

A stream is a device, a FIFO, a socket or a descriptor of this process: /dev/null, /dev/stdout, /dev/fd/3.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

_DESCRIPTORS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR_DIRECTORIES = ("/dev/fd", "/proc/self/fd")


def is_stream(path: Path) -> bool:
    """Whether what is written there is read by another, and cannot be replaced."""
    if _find_descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that a user has named: to a stream as it is, else by `replace_file`. Raises OSError."""
    if is_stream(path):
        _write_stream(path, content)
    else:
        replace_file(path, content, mode)


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file whole or not at all. Raises OSError.

    The owner alone can read it, unless another mode is given.
    """
    temporary = _name_temporary(path)
    try:
        _write(temporary, content)
        if mode != 0o600:
            temporary.chmod(mode)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def create_file(path: Path, content: bytes, link: Callable[[Path, Path], None] = os.link) -> None:
    """As `replace_file`, but a file that is there stays, whoever made it meanwhile."""
    temporary = _name_temporary(path)
    try:
        _write(temporary, content)
        _name_unless_taken(temporary, path, link)
    finally:
        temporary.unlink(missing_ok=True)


def _name_unless_taken(temporary: Path, path: Path, link: Callable[[Path, Path], None]) -> None:
    try:
        link(temporary, path)
    except FileExistsError:
        pass
    except OSError:
        # A file system without hard links, on which two that come at once are told apart by nothing.
        if not path.exists():
            os.replace(temporary, path)


def _write_stream(path: Path, content: bytes) -> None:
    number = _find_descriptor(path)
    # A descriptor is duplicated: a socket cannot be opened, and a file would be written from its start.
    descriptor = os.open(path, os.O_WRONLY) if number is None else os.dup(number)
    with os.fdopen(descriptor, "wb") as file:
        if number is None:
            _check_owner(path, os.fstat(descriptor))
        file.write(content)


def _check_owner(path: Path, found: os.stat_result) -> None:
    """Raise PermissionError for a FIFO of another user, who would read what is written."""
    if stat.S_ISFIFO(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))


def _find_descriptor(path: Path) -> int | None:
    """The descriptor of this process that a path names: 1 for /dev/stdout."""
    if str(path.parent) in _DESCRIPTOR_DIRECTORIES and path.name.isascii() and path.name.isdigit():
        return int(path.name)
    return _DESCRIPTORS.get(str(path))


def _name_temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
