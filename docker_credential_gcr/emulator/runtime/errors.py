"""What a server runs out of: room for another request, space on its disk, and the database's lock."""

import errno
from collections.abc import Mapping

from docker_credential_gcr.emulator.database.engine.errors import get_reason, is_failed, is_full, is_locked

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

# A quota is a disk that is full for one user.
_FULL = {errno.EDQUOT, errno.ENOSPC}
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


def describe_known(error: Exception, prefix: str) -> str:
    """Returns the text of what `find_known` finds, else the prefix and what the database said."""
    known = find_known(error)
    return f"{prefix}: {get_reason(error)}" if known is error else str(known)


def _is_full(error: BaseException) -> bool:
    return is_full(error) or (isinstance(error, OSError) and error.errno in _FULL)


def _is_over_limit(error: BaseException) -> bool:
    """Tells whether the error is about a file that this process may not make larger (ulimit -f)."""
    if is_failed(error) and resource is not None:
        return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
    # write(2) names no file; an error that names one is that file_access reads no more of it.
    return isinstance(error, OSError) and error.errno == errno.EFBIG and error.filename is None
