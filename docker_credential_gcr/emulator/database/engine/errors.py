"""SQLite's errors: which ones tell of damage, of a full or broken disk, and of another program's lock."""

import sqlite3

from sqlalchemy.exc import DBAPIError

# What a statement raises; a COMMIT goes past SQLAlchemy.
DATABASE_ERRORS = (DBAPIError, sqlite3.Error)
# SQLite's own words, because Python 3.10 has no codes; the second code where the shared index of a
# write-ahead log cannot grow. https://www.sqlite.org/rescode.html#full
_FULL_CODES = {"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"}
_FULL_TEXT = "database or disk is full"
_FAILED_TEXT = "disk I/O error"
_LOCKED_TEXT = "database is locked"


def is_locked(error: BaseException) -> bool:
    """Tells whether another connection holds a lock."""
    return isinstance(error, sqlite3.Error) and str(error) == _LOCKED_TEXT


def is_full(error: BaseException) -> bool:
    """Tells whether the disk is full."""
    is_code = getattr(error, "sqlite_errorname", "") in _FULL_CODES
    return isinstance(error, sqlite3.Error) and (is_code or str(error) == _FULL_TEXT)


def is_failed(error: BaseException) -> bool:
    """Tells whether the disk is broken, or refuses with EFBIG to let a file grow."""
    return isinstance(error, sqlite3.Error) and str(error) == _FAILED_TEXT


def is_damage(error: BaseException | None) -> bool:
    """Tells whether SQLite cannot read its file."""
    # Its subclasses tell of other things, such as a full disk.
    return type(error) is sqlite3.DatabaseError


def get_reason(error: BaseException) -> BaseException:
    """Returns the driver's error, without the statement that SQLAlchemy adds."""
    return error.orig or error if isinstance(error, DBAPIError) else error
