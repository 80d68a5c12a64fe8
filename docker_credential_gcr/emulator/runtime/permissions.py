"""File permissions of a data directory: takes away those of other users."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .files import format_os_error

_FILE, _DIRECTORY = 0o600, 0o700


def narrow_permissions(root: Path) -> str | None:
    """Takes the permissions of all users but the owner from a directory and its content.

    Returns the line that tells the owner; None where other users had none. An earlier version, or a user who
    copied files, may have given them. The whole content is read only where the mode of the directory itself,
    of an entry in it or of one in keys/ is too wide. Links are not followed.
    """
    if not any(_is_wide(path) for path in (root, *_list(root), *_list(root / "keys"))):
        return None
    count, refused = 0, ""
    for path in _walk(root):
        try:
            count += _narrow(path)
        except OSError as error:
            refused = refused or format_os_error(error)
    if refused:
        return f"{root} can be read by other users: make this user its owner ({refused})"
    return f"{root} could be read by other users: took their rights away (files and directories: {count})"


def _list(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def _walk(root: Path) -> Iterator[Path]:
    # Parents first: no other user can replace a file by a link in a directory that is private already.
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
