"""Deadlines of waits for clients, with one timer for all: one timer each costs more than most waits."""

import asyncio
from typing import Protocol


class Wait(Protocol):
    """A wait for a client that can be given up."""

    def give_up(self) -> None:
        """Treats the client as disconnected."""


class Deadlines:
    """Gives up each wait at its deadline."""

    def __init__(self) -> None:
        self._waiting: dict[Wait, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def begin(self, wait: Wait, until: float) -> None:
        """Gives up the wait at `until`, by the event loop's clock, unless it ends before."""
        self._waiting[wait] = until
        if self._timer is None or until < self._due:
            self._set(until)

    def end(self, wait: Wait) -> None:
        """Removes the deadline of a wait that has ended."""
        self._waiting.pop(wait, None)

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = asyncio.get_running_loop().call_at(due, self._give_up_due), due

    def _give_up_due(self) -> None:
        # The loop can call a timer slightly before its instant.
        now = max(asyncio.get_running_loop().time(), self._due)
        self._timer = None
        for wait in [wait for wait, until in self._waiting.items() if until <= now]:
            del self._waiting[wait]
            wait.give_up()
        if self._waiting:
            self._set(min(self._waiting.values()))
