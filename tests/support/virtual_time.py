"""An event loop's clock that needs no waiting."""

import asyncio
import selectors

from support.child_processes import LIMIT_S


class Selector(selectors.DefaultSelector):
    """Does not wait: it puts the loop's clock forward instead."""

    now = 0.0

    def select(self, timeout=None):
        """Returns what is ready now."""
        if timeout is None:
            found = super().select(LIMIT_S)  # for a thread, which ends by the other clock
            assert found, "every task waits for something that never comes"
            return found
        self.now += timeout
        return super().select(0)


def run(main):
    """Runs a coroutine as asyncio.run does, on that clock; waits for the loop's thread pool."""
    selector = Selector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
