"""How many requests a client may make: a bucket of tokens for each address."""

import ipaddress
import math
import time
from collections.abc import Callable
from functools import lru_cache

from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.runtime.errors import TooManyRequests

# As many clients are told apart; then the one that was seen first is forgotten, which is in its favour.
_CLIENTS = 65_536


class RateLimiter:
    """Lets each client make `burst` requests at once, and `rate` a second in the long run."""

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        # client -> (tokens, at that instant)
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, address: str) -> None:
        """Take a token of the client at the address; raises TooManyRequests where there is none."""
        client, now = _find_client(address), self._now()
        tokens, at = self._buckets.get(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        if tokens < 1:
            retry_after_s = math.ceil((1 - tokens) / self._rate)
            raise TooManyRequests("too many requests from this address", retry_after_s)
        if len(self._buckets) >= _CLIENTS and client not in self._buckets:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[client] = (tokens - 1, now)

    def wrap(self, app: App) -> App:
        """`app` behind the bound; itself where there is none."""
        if not self._rate:
            return app

        async def limited(scope: Message, receive: Receive, send: Send) -> None:
            # The peer alone: a client writes into X-Forwarded-For what it likes.
            self.take(scope["client"][0])
            await app(scope, receive, send)

        return limited


@lru_cache(maxsize=1024)
def _find_client(address: str) -> str:
    """The address; of IPv6 the network that one customer gets. https://www.rfc-editor.org/rfc/rfc6177"""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
