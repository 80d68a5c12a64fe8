"""Memoization of a function of a text, bounded by the length of the texts together."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def memoize(size: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Decorates a function of one text: caches its results, LRU, for texts of `size` characters together.

    functools.lru_cache counts entries, and a client chooses how long each is. A text of more than `size`
    characters is not cached, nor is an exception.
    """

    def decorate(function: Callable[[str], T]) -> Callable[[str], T]:
        results: OrderedDict[str, T] = OrderedDict()
        # Scans and maintenance call from threads.
        lock = threading.Lock()
        left = size

        def cached(text: str) -> T:
            nonlocal left
            with lock:
                if text in results:
                    results.move_to_end(text)
                    return results[text]
            value = function(text)
            with lock:
                if text not in results and len(text) <= size:
                    results[text] = value
                    left -= len(text)
                while left < 0:
                    left += len(results.popitem(last=False)[0])
            return value

        return cached

    return decorate
