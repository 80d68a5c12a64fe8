"""Directories and files that are their owner's alone, whatever the umask, the parent or the earlier mode."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .file_access import find_status, format_fault

_FILE, _DIRECTORY = 0o600, 0o700


def make_directory(path: Path) -> None:
    """Makes a directory, and those above it that are missing, all of mode 0700. Raises OSError.

    `mkdir(mode=…, parents=True)` gives the parents the mode of the umask.
    """
    if find_status(path) is None:
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def open_private(path: str, flags: int) -> int:
    """Opens a file, which has mode 0600 where it is made: the `opener` of `open`."""
    return os.open(path, flags, 0o600)


def create_private(path: Path) -> None:
    """Makes an empty file of mode 0600, unless it is there. Raises OSError."""
    # Not opened where it is there: closing a second descriptor of SQLite's file lets go of SQLite's locks.
    # https://www.sqlite.org/howtocorrupt.html
    if find_status(path) is None:
        path.touch(mode=0o600)


@contextmanager
def private_umask() -> Iterator[None]:
    """Lets this process make nothing for other users, whatever umask it was started with."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def narrow(root: Path) -> str | None:
    """Takes the rights of all but the owner from a directory and what is in it; None where they had none.

    Returns the line that tells the owner. All of it is looked at only where the directory itself, an entry of
    it or of keys/ is wider: an earlier version or a copying user made those. Links are not followed.
    """
    if not any(_is_wide(path) for path in (root, *_list(root), *_list(root / "keys"))):
        return None
    count, refused = 0, ""
    for path in _walk(root):
        try:
            count += _narrow(path)
        except OSError as error:
            refused = refused or format_fault(error)
    if refused:
        return f"{root} can be read by other users: make this user its owner ({refused})"
    return f"{root} could be read by other users: took their rights away (files and directories: {count})"


def _list(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def _walk(root: Path) -> Iterator[Path]:
    # From the top: no other user can replace a file by a link in a directory that is narrow already.
    yield root
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(folder, name)


def _narrow(path: Path) -> bool:
    if not _is_wide(path):
        return False
    mode = os.lstat(path).st_mode
    os.chmod(path, mode & _find_widest(mode))
    return True


def _is_wide(path: Path) -> bool:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & ~_find_widest(mode) != 0


def _find_widest(mode: int) -> int:
    return _DIRECTORY if stat.S_ISDIR(mode) else _FILE
