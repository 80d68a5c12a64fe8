"""Deadlines of waits for clients. One timer serves all: a timer for each costs more than most waits do."""

import asyncio
from typing import Protocol


class Wait(Protocol):
    """A wait for a client, which can be given up."""

    def give_up(self) -> None:
        """Treats the client as one that has hung up."""


class Deadlines:
    """Gives up each wait that has lasted until its deadline."""

    def __init__(self) -> None:
        self._waiting: dict[Wait, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def begin(self, wait: Wait, until: float) -> None:
        """Gives the wait up at that instant of the loop's clock, unless it ends before."""
        self._waiting[wait] = until
        if self._timer is None or until < self._due:
            self._set(until)

    def end(self, wait: Wait) -> None:
        """Forgets the wait, which has ended."""
        self._waiting.pop(wait, None)

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = asyncio.get_running_loop().call_at(due, self._look), due

    def _look(self) -> None:
        # The clock may be a little behind the timer.
        now = max(asyncio.get_running_loop().time(), self._due)
        self._timer = None
        for wait in [wait for wait, until in self._waiting.items() if until <= now]:
            del self._waiting[wait]
            wait.give_up()
        if self._waiting:
            self._set(min(self._waiting.values()))
