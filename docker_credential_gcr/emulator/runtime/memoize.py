"""A cache that is bounded in bytes: what a function of a text gave, for the texts of the last calls."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def memoize(size: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Decorates a function of one text, whose results are remembered while the texts hold `size` characters.

    functools.lru_cache counts entries, and a client chooses how long each is. The least recently used go
    first, and a text that is longer than all of it is not remembered at all; nor is an exception.
    """

    def decorate(function: Callable[[str], T]) -> Callable[[str], T]:
        known: OrderedDict[str, T] = OrderedDict()
        # The writer of the database calls from a thread of its own.
        lock = threading.Lock()
        left = size

        def recall(text: str) -> T:
            nonlocal left
            with lock:
                if text in known:
                    known.move_to_end(text)
                    return known[text]
            value = function(text)
            with lock:
                if text not in known and len(text) <= size:
                    known[text] = value
                    left -= len(text)
                while left < 0:
                    left += len(known.popitem(last=False)[0])
            return value

        return recall

    return decorate
