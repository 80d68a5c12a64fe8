"""Read cache: the results of database reads until the next commit; disposable, and never stale."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

Read = Callable[[Callable[[Connection], Any]], Awaitable[Any]]

# Bytes of all cached results.
_SIZE = 32 * 1024 * 1024


class ReadCache:
    """Results by key; all are dropped when `version` changes, or when they are too many or too large."""

    def __init__(
        self, read: Read, version: Callable[[], int], *, limit: int = 4096, size: int = _SIZE
    ) -> None:
        """`read` is `Database.read`; `version` is a number that changes with each commit that matters."""
        self._read = read
        self._version = version
        self._limit = limit
        self._size = size
        self._left = size
        self._seen = -1
        self._results: dict[Hashable, Any] = {}

    def find(self, key: Hashable) -> Any:
        """Returns the cached result of the key, or None.

        Not a coroutine: that would double the cost of the most frequent case.
        """
        return self._results.get(key) if self._version() == self._seen else None

    async def read(
        self, key: Hashable, work: Callable[[Connection], T], *, measure: Callable[[T], int | None]
    ) -> T:
        """Returns the cached result of the key, or else that of `work`, which is then cached.

        `measure` returns the bytes of a result, or None for one that must not be cached.

        The version is read before the result: if a commit happens in between, the result is not cached, or is
        dropped at the next call, although it may be current.
        """
        version = self._version()
        if version != self._seen:
            self._clear()
            self._seen = version
        elif key in self._results:
            cached: T = self._results[key]
            return cached
        result: T = await self._read(work)
        # Meanwhile another call may have seen a commit, or cached the same key.
        if version != self._seen or key in self._results:
            return result
        size = measure(result)
        if size is not None and size <= self._size:
            if size > self._left or len(self._results) >= self._limit:
                self._clear()
            self._results[key] = result
            self._left -= size
        return result

    def _clear(self) -> None:
        self._results.clear()
        self._left = self._size
