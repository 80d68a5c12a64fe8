"""Rate limit of requests: a token bucket for each client address."""

import ipaddress
import math
import time
from collections.abc import Callable
from functools import lru_cache

from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send, find_client_address
from docker_credential_gcr.emulator.runtime.errors import RateExceeded

# So many clients have a bucket; beyond that the oldest bucket is dropped, which its client gains from.
_CLIENTS = 65_536


class RateLimiter:
    """Allows each client `burst` requests at once, and `rate` requests per second on average."""

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        # client -> (tokens, at that instant)
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, address: str) -> None:
        """Takes a token from the client's bucket. Raises RateExceeded if it is empty."""
        client, now = _find_client(address), self._now()
        tokens, at = self._buckets.get(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        if tokens < 1:
            raise RateExceeded(math.ceil((1 - tokens) / self._rate))
        if len(self._buckets) >= _CLIENTS and client not in self._buckets:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[client] = (tokens - 1, now)

    def wrap(self, app: App) -> App:
        """Returns `app` behind the limit; `app` itself for a rate of 0."""
        if not self._rate:
            return app

        async def limited(scope: Message, receive: Receive, send: Send) -> None:
            self.take(find_client_address(scope))
            await app(scope, receive, send)

        return limited


@lru_cache(maxsize=1024)
def _find_client(address: str) -> str:
    """Returns an IPv4 address, or the /64 of an IPv6 address, the least that one customer gets.

    https://www.rfc-editor.org/rfc/rfc6177
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
