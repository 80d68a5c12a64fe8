"""Shutdown: which signal ends the server at once, and which lets a load balancer see first that it stops."""

import asyncio
import signal


class Shutdown:
    """Two events: `draining`, from which on /readyz answers 503, and `stop`, at which the server ends.

    SIGTERM sets the first, and the second `drain_s` seconds later: until then the server accepts connections,
    which a load balancer opens until it has read /readyz. SIGINT and a second SIGTERM set both at once.
    """

    def __init__(self, drain_s: float) -> None:
        self.draining = asyncio.Event()
        self.stop = asyncio.Event()
        self._drain_s = drain_s

    def watch_signals(self) -> None:
        """Handles the signals in the running event loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.begin)
        loop.add_signal_handler(signal.SIGINT, self.end)

    def begin(self) -> None:
        """Drains, and ends the server afterwards; ends it now if it drains already."""
        if self.draining.is_set() or not self._drain_s:
            self.end()
            return
        self.draining.set()
        asyncio.get_running_loop().call_later(self._drain_s, self.end)

    def end(self) -> None:
        """Ends the server; requests in progress get a second."""
        self.draining.set()
        self.stop.set()
