"""SQLite's errors: damage, a full disk, a lock; translated into the errors that every part knows."""

import errno
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.runtime.errors import DatabaseLocked, StorageFull

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

# Both: a statement raises SQLAlchemy's errors, a COMMIT bypasses SQLAlchemy.
DATABASE_ERRORS = (DBAPIError, sqlite3.Error)
# SQLite's texts, because Python 3.10 has no codes; the second code where the shared index of a
# write-ahead log cannot grow. https://www.sqlite.org/rescode.html#full
_FULL_CODES = {"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"}
_FULL_TEXT = "database or disk is full"
_FAILED_TEXT = "disk I/O error"
_LOCKED_TEXT = "database is locked"
# A quota is a disk that is full for one user.
_FULL_DISK = {errno.EDQUOT, errno.ENOSPC}


class UnusableDatabase(Exception):
    """The database cannot be used as it is."""


class DamagedDatabase(UnusableDatabase):
    """SQLite cannot read the database."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} is damaged ({reason}): see what is left with gcr-emulator fsck --data {path.parent}, "
            "and make a new one with gcr-emulator rebuild"
        )


class IncompatibleDatabase(UnusableDatabase):
    """A newer version of the emulator, or another program, created the database."""

    def __init__(self, path: Path, revision: str) -> None:
        super().__init__(
            f"{path} is of revision {revision!r}, this gcr-emulator writes {schema.REVISION!r}: "
            "use the version that made it, or another --data"
        )


def translate_error(error: Exception) -> Exception:
    """Returns StorageFull for an error of a full disk, DatabaseLocked for one of a lock, else the error."""
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


def describe_error(error: Exception, prefix: str) -> str:
    """Returns the text of the translated error; of one without a translation, the prefix and the driver's."""
    translated = translate_error(error)
    if translated is not error:
        return str(translated)
    # Without the statement that SQLAlchemy adds.
    reason = error.orig or error if isinstance(error, DBAPIError) else error
    return f"{prefix}: {reason}"


def is_locked(error: BaseException) -> bool:
    """Returns whether another connection holds a lock."""
    return isinstance(error, sqlite3.Error) and str(error) == _LOCKED_TEXT


def is_damage(error: BaseException | None) -> bool:
    """Returns whether SQLite cannot read its file."""
    # Its subclasses report other faults, such as a full disk.
    return type(error) is sqlite3.DatabaseError


def _is_full(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in _FULL_CODES or str(error) == _FULL_TEXT
    return isinstance(error, OSError) and error.errno in _FULL_DISK


def _is_over_limit(error: BaseException) -> bool:
    """Returns whether this process may not make the file larger (ulimit -f)."""
    # SQLite reports EFBIG as it reports a broken disk.
    if isinstance(error, sqlite3.Error) and str(error) == _FAILED_TEXT and resource is not None:
        return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
    # An error of write(2) names no file; runtime.files raises EFBIG with the name of a file that it reads.
    return isinstance(error, OSError) and error.errno == errno.EFBIG and error.filename is None
