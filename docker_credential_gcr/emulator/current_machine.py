"""The machine that the metadata server speaks for now, and when it is replaced."""

import asyncio

from .machine import Machine


class CurrentMachine:
    """The machine as it is now, None where there is no metadata server; a waiter hears of the next one."""

    def __init__(self, machine: Machine | None) -> None:
        self.machine = machine
        self._changed = asyncio.Event()

    def replace(self, machine: Machine | None) -> None:
        """Let it be another one from now on."""
        changed, self._changed = self._changed, asyncio.Event()
        self.machine = machine
        changed.set()

    async def wait(self) -> None:
        """Until it is replaced."""
        await self._changed.wait()
