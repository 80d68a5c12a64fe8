"""What a server runs out of: room for another request, and space on its disk."""

import errno
import sqlite3
from collections.abc import Mapping

# A quota is a disk that is full for one user.
_FULL = {errno.ENOSPC, errno.EDQUOT}
# SQLite's own words, for Python 3.10 has no codes; the second where the shared index beside a
# write-ahead log cannot grow. https://www.sqlite.org/rescode.html#full
_FULL_CODES = {"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"}
_FULL_TEXT = "database or disk is full"


class TooManyRequests(Exception):
    """There is no room for this request now; `retry_after_s` whole seconds later there may be."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers: Mapping[str, str] = {"Retry-After": str(retry_after_s)}


class StorageFull(Exception):
    """The disk, or the share of it that this user has, is full."""

    def __init__(self) -> None:
        super().__init__(
            "the registry's disk is full: what it acknowledged is kept, free space and try again"
        )


def find_known(error: Exception) -> Exception:
    """StorageFull for whatever a full disk raises, any other error itself."""
    return StorageFull() if _is_full(error) else error


def _is_full(error: BaseException) -> bool:
    # SQLAlchemy keeps the driver's error as the cause of its own.
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in _FULL_CODES or str(error) == _FULL_TEXT
    if isinstance(error, OSError):
        return error.errno in _FULL
    return error.__cause__ is not None and _is_full(error.__cause__)
