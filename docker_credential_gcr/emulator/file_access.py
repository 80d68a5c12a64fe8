"""File status, also where this user may not look, and the line that reports it.

pathlib cannot be asked: until Python 3.13 its `exists` and `is_dir` raise PermissionError where a directory
may not be entered, from 3.14 on they answer False, as if nothing were there.
"""

import os
from pathlib import Path


def find_status(path: Path) -> os.stat_result | None:
    """The status of what the path leads to; None where nothing is.

    Raises OSError, also where this user may not look.
    """
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def format_fault(error: OSError) -> str:
    """The file, if there is one, and the reason: /srv/data/keys: Permission denied."""
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
