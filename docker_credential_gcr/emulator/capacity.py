"""What a server runs out of: room for another request, space on its disk, and the database's lock."""

import errno
import sqlite3
from collections.abc import Mapping

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

# A quota is a disk that is full for one user, a limit of a file's size one that is full for one process.
_FULL = {errno.EDQUOT, errno.EFBIG, errno.ENOSPC}
# SQLite's own words, for Python 3.10 has no codes; the second where the shared index beside a
# write-ahead log cannot grow. https://www.sqlite.org/rescode.html#full
_FULL_CODES = {"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"}
_FULL_TEXT = "database or disk is full"
# What SQLite says of EFBIG, and of a broken disk.
_FAILED_TEXT = "disk I/O error"
_LOCKED_TEXT = "database is locked"
_RETRY_AFTER_S = 1


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


class DatabaseLocked(Exception):
    """Another program holds the lock of the database."""

    headers: Mapping[str, str] = {"Retry-After": str(_RETRY_AFTER_S)}

    def __init__(self) -> None:
        super().__init__("another program has locked emulator.db: end it, or try again later")


def find_known(error: Exception) -> Exception:
    """StorageFull for what a full disk raises, DatabaseLocked for what a lock does, else the error itself."""
    if _is_full(error):
        return StorageFull()
    return DatabaseLocked() if is_locked(error) else error


def is_locked(error: BaseException | None) -> bool:
    """Whether the error is SQLite's of a lock that another connection holds."""
    if isinstance(error, sqlite3.Error):
        return str(error) == _LOCKED_TEXT
    return error is not None and is_locked(error.__cause__)


def _is_full(error: BaseException) -> bool:
    # SQLAlchemy keeps the driver's error as the cause of its own.
    if isinstance(error, sqlite3.Error):
        named = getattr(error, "sqlite_errorname", "") in _FULL_CODES or str(error) == _FULL_TEXT
        return named or (str(error) == _FAILED_TEXT and _limits_files())
    if isinstance(error, OSError):
        return error.errno in _FULL
    return error.__cause__ is not None and _is_full(error.__cause__)


def _limits_files() -> bool:
    """Whether this process may write files of a limited size alone (ulimit -f)."""
    return resource is not None and resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
