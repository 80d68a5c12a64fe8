"""What reads of the database gave, remembered until the next commit: disposable, and never stale."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

Read = Callable[[Callable[[Connection], Any]], Awaitable[Any]]

# All that is remembered together.
_SIZE = 32 * 1024 * 1024


class ReadCache:
    """Answers by key, all forgotten when `version` changes, or when they are too many or too large."""

    def __init__(
        self, read: Read, version: Callable[[], int], *, limit: int = 4096, size: int = _SIZE
    ) -> None:
        """`read` is `Database.read`, `version` the number that tells of what it may give otherwise."""
        self._read = read
        self._version = version
        self._limit = limit
        self._size = size
        self._left = size
        self._seen = -1
        self._answers: dict[Hashable, Any] = {}

    def find(self, key: Hashable) -> Any:
        """Returns the answer that is remembered for the key; None without one.

        Most requests end here, and a coroutine would cost as much again.
        """
        return self._answers.get(key) if self._version() == self._seen else None

    async def read(
        self, key: Hashable, work: Callable[[Connection], T], *, measure: Callable[[T], int | None]
    ) -> T:
        """Returns what `work` reads for the key, read where it is not remembered.

        `measure` gives the bytes that an answer holds, or None for one that may not be remembered.

        The version is asked before the answer is read: one that a commit overtakes is not remembered, or is
        forgotten at the next call, though it may be right.
        """
        version = self._version()
        if version != self._seen:
            self._clear()
            self._seen = version
        elif key in self._answers:
            known: T = self._answers[key]
            return known
        answer: T = await self._read(work)
        # Another call may have been told of a commit since, or have read the same.
        if version != self._seen or key in self._answers:
            return answer
        size = measure(answer)
        if size is not None and size <= self._size:
            if size > self._left or len(self._answers) >= self._limit:
                self._clear()
            self._answers[key] = answer
            self._left -= size
        return answer

    def _clear(self) -> None:
        self._answers.clear()
        self._left = self._size
