"""Errors of resources that a server runs out of: requests, disk space, its database and object store."""

from collections.abc import Mapping

_RETRY_AFTER_S = 1


class TooManyRequests(Exception):
    """The server has no room for this request; `retry_after_s` whole seconds later it may have."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers: Mapping[str, str] = {"Retry-After": str(retry_after_s)}


class RateExceeded(TooManyRequests):
    """A client sends more requests a second than the server permits it."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many requests from this address", retry_after_s)
        self.retry_after_s = retry_after_s


class StorageFull(Exception):
    """The disk is full, or this user's quota or this process's file size limit is reached."""

    def __init__(self, *, of_file: bool = False) -> None:
        super().__init__(
            "the registry may write no larger file (ulimit -f), and acknowledged data is safe: raise the "
            "limit and start it again"
            if of_file
            else "the registry's disk is full, and acknowledged data is safe: free space and try again"
        )


class CollectionBusy(Exception):
    """Another collection of garbage is in progress."""

    def __init__(self) -> None:
        super().__init__("another collection is in progress: wait until it has ended")


class Unavailable(Exception):
    """A part of the server does not answer, and probably will in a second; nothing was changed."""

    headers: Mapping[str, str] = {"Retry-After": str(_RETRY_AFTER_S)}


class DatabaseLocked(Unavailable):
    """Another program holds the lock of the database."""

    def __init__(self) -> None:
        super().__init__("another program has locked emulator.db: end it, or try again later")


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer, or its connection was lost before the COMMIT was acknowledged."""

    def __init__(self) -> None:
        super().__init__("the registry's database does not answer, and acknowledged data is safe: try again")


class StorageUnavailable(Unavailable):
    """The object store does not answer, or answers with an error."""

    def __init__(self) -> None:
        super().__init__(
            "the registry's object store does not answer, and acknowledged data is safe: try again"
        )
