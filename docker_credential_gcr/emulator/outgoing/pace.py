"""Pace of requests to subscribers: they give way to the clients of the registry.

A request to a subscriber takes a third of the time that a push takes, in the same process. So while others
write to the database, one follows another after a pause, unless a subscriber is told too late by then.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_S = 0.02
# So long after a commit of others, more of them are likely.
_BUSY_S = 0.1
# More than that behind, requests follow each other at once: what waits is limited in number.
_MOST_LATE_S = 5.0


class Pace:
    """The pace of one sender; `version` changes with each commit."""

    def __init__(
        self,
        version: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._version, self._monotonic, self._sleep = version, monotonic, sleep
        self._busy_until: float | None = None

    async def give_way(self, request: Awaitable[T], late_s: float) -> T:
        """Returns what the request returns, after a pause if others commit; `late_s` is how late it comes."""
        before = self._version()
        answer = await request
        self._note(before)
        if self._busy_until is not None and late_s < _MOST_LATE_S:
            before = self._version()
            await self._sleep(_PAUSE_S)
            self._note(before)
        return answer

    def _note(self, before: int) -> None:
        now = self._monotonic()
        if self._version() != before:
            self._busy_until = now + _BUSY_S
        elif self._busy_until is not None and now >= self._busy_until:
            self._busy_until = None
