"""What a server runs out of: room for another request, space on its disk, and the database's lock."""

import errno
import sqlite3
from collections.abc import Mapping

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

# A quota is a disk that is full for one user.
_FULL = {errno.EDQUOT, errno.ENOSPC}
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
    """The disk, or the share of it that this user or this process has, is full."""

    def __init__(self, *, of_file: bool = False) -> None:
        super().__init__(
            "the registry may write no larger file (ulimit -f): what it acknowledged is kept, raise the "
            "limit and start it again"
            if of_file
            else "the registry's disk is full: what it acknowledged is kept, free space and try again"
        )


class CollectionBusy(Exception):
    """Another collection of garbage is in progress."""

    def __init__(self) -> None:
        super().__init__("another collection is in progress: wait until it has ended")


class DatabaseLocked(Exception):
    """Another program holds the lock of the database."""

    headers: Mapping[str, str] = {"Retry-After": str(_RETRY_AFTER_S)}

    def __init__(self) -> None:
        super().__init__("another program has locked emulator.db: end it, or try again later")


def find_known(error: Exception) -> Exception:
    """Returns StorageFull for what a full disk raises, DatabaseLocked for a lock, else the error itself."""
    # SQLAlchemy keeps the driver's error as the cause of its own.
    cause: BaseException | None = error
    while cause is not None:
        if _is_full(cause):
            return StorageFull()
        if _is_over_limit(cause):
            return StorageFull(of_file=True)
        if is_locked(cause):
            return DatabaseLocked()
        cause = cause.__cause__
    return error


def is_locked(error: BaseException) -> bool:
    """Tells whether the error is SQLite's about a lock that another connection holds."""
    return isinstance(error, sqlite3.Error) and str(error) == _LOCKED_TEXT


def _is_full(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in _FULL_CODES or str(error) == _FULL_TEXT
    return isinstance(error, OSError) and error.errno in _FULL


def _is_over_limit(error: BaseException) -> bool:
    """Tells whether the error is about a file that this process may not make larger (ulimit -f)."""
    if isinstance(error, sqlite3.Error) and str(error) == _FAILED_TEXT and resource is not None:
        return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
    # write(2) names no file; an error that names one is that file_access reads no more of it.
    return isinstance(error, OSError) and error.errno == errno.EFBIG and error.filename is None
