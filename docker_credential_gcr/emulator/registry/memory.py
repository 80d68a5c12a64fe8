"""What reads of the database gave, remembered until the next commit: disposable, and never stale."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

# Contents of at most so many bytes are remembered: with the limit of answers, 32 MiB at most.
REMEMBERED_SIZE = 8 * 1024


class Memory:
    """Answers by key, all forgotten when `version` changes, or when there are too many."""

    def __init__(self, version: Callable[[], int], limit: int = 4096) -> None:
        self._version = version
        self._limit = limit
        self._seen = -1
        self._answers: dict[Hashable, Any] = {}

    def recall(self, key: Hashable, find: Callable[[], T], *, keep: Callable[[T], bool]) -> T:
        """The answer under the key, found anew where it is not remembered; `keep` says what may be.

        The version is read before the answer is found: one that a commit overtakes is forgotten
        at the next call, though it may be right.
        """
        version = self._version()
        if version != self._seen or len(self._answers) >= self._limit:
            self._answers.clear()
            self._seen = version
        elif key in self._answers:
            known: T = self._answers[key]
            return known
        answer = find()
        if keep(answer):
            self._answers[key] = answer
        return answer
