"""Errors of resources that a server runs out of: requests, disk space, and the lock of the database."""

from collections.abc import Mapping

_RETRY_AFTER_S = 1


class TooManyRequests(Exception):
    """The server has no room for this request; `retry_after_s` whole seconds later it may have."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers: Mapping[str, str] = {"Retry-After": str(retry_after_s)}


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


class DatabaseLocked(Exception):
    """Another program holds the lock of the database."""

    headers: Mapping[str, str] = {"Retry-After": str(_RETRY_AFTER_S)}

    def __init__(self) -> None:
        super().__init__("another program has locked emulator.db: end it, or try again later")
