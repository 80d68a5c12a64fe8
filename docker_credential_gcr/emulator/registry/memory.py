"""What reads of the database gave, remembered until the next commit: disposable, and never stale."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

# All that is remembered together.
_SIZE = 32 * 1024 * 1024


class Memory:
    """Answers by key, all forgotten when `version` changes, or when they are too many or too large."""

    def __init__(self, version: Callable[[], int], limit: int = 4096, size: int = _SIZE) -> None:
        self._version = version
        self._limit = limit
        self._size = size
        self._left = size
        self._seen = -1
        self._answers: dict[Hashable, Any] = {}

    def recall(self, key: Hashable, find: Callable[[], T], *, measure: Callable[[T], int | None]) -> T:
        """Returns the answer under the key, looked up where it is not remembered.

        `find` reads what is committed, not by the connection of a write. `measure` gives the bytes that an
        answer holds, or None for one that may not be remembered.

        The version is read before the answer is found: one that a commit overtakes is forgotten
        at the next call, though it may be right.
        """
        version = self._version()
        if version != self._seen or len(self._answers) >= self._limit:
            self._clear()
            self._seen = version
        elif key in self._answers:
            known: T = self._answers[key]
            return known
        answer = find()
        size = measure(answer)
        if size is not None and size <= self._size:
            if size > self._left:
                self._clear()
            self._answers[key] = answer
            self._left -= size
        return answer

    def _clear(self) -> None:
        self._answers.clear()
        self._left = self._size
