"""An event loop's clock that needs no waiting."""

import asyncio
import selectors

from support.child_processes import LIMIT_S


class Selector(selectors.DefaultSelector):
    """Selector that does not wait: it advances the loop's clock instead."""

    now = 0.0

    def select(self, timeout=None):
        """Returns what is ready now, after advancing the clock."""
        if timeout is None:
            found = super().select(LIMIT_S)  # waits for a thread, which runs in real time
            assert found, "every task waits, and no event comes"
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
