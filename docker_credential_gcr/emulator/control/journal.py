"""The journal: the last requests and how each was answered, so that a test can ask what a client did.

It is bounded in requests and in bytes, whatever the requests hold.

{"time": 1767225600.0, "method": "GET", "host": "localhost:5000", "path": "/v2/token",
 "query": {"scope": ["repository:p/app:pull"]}, "status": 200}
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from heapq import merge
from http import HTTPStatus
from operator import itemgetter
from typing import Any

from docker_credential_gcr.emulator.capacity import TooManyRequests
from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.redaction import show_query

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

Entry = dict[str, object]
# When the request came, by a clock that no test sets and that all workers share, in nanoseconds.
Stamped = tuple[int, Entry]

_KEPT = 10_000
# Of all their methods, hosts, paths and queries together.
_KEPT_SIZE = 8 * 1024 * 1024
# Of a path, and of a query; a client may send a hundred times as much.
_SHOWN = 4096


def merge_entries(parts: list[list[Stamped]]) -> list[Entry]:
    """The last entries of several journals as one, oldest first."""
    return [entry for _, entry in merge(*parts, key=itemgetter(0))][-_KEPT:]


class _Request:
    """A request as it came; it is described only when the journal is asked for. `size` is in bytes."""

    __slots__ = ("at_ns", "host", "method", "path", "query", "size", "status", "time")

    def __init__(self, scope: Message, now: float) -> None:
        self.at_ns = time.monotonic_ns()
        self.time = now
        self.method: str = scope["method"]
        self.host: bytes = dict(scope["headers"]).get(b"host", b"")
        self.path: bytes = scope["raw_path"][:_SHOWN]
        self.query: bytes = scope["query_string"][:_SHOWN]
        self.size = len(self.method) + len(self.host) + len(self.path) + len(self.query)
        self.status: int | None = None

    def describe(self) -> Entry:
        """The journal's entry."""
        return {
            "time": self.time,
            "method": self.method,
            "host": self.host.decode("latin-1"),
            "path": self.path.decode("latin-1"),
            "query": show_query(self.query),
            "status": self.status,
        }


class Journal:
    """The last requests to this process, oldest first: at most 10,000, and 8 MiB."""

    def __init__(self, clock: Clock, size: int = _KEPT_SIZE) -> None:
        self._clock = clock
        self._requests: deque[_Request] = deque()
        self._limit = size
        self._size = 0

    def list_entries(self) -> list[Stamped]:
        """Every entry that is kept."""
        return [(request.at_ns, request.describe()) for request in self._requests]

    def clear(self) -> None:
        """Forget every entry."""
        self._requests.clear()
        self._size = 0

    def _keep(self, request: _Request) -> None:
        self._requests.append(request)
        self._size += request.size
        while self._size > self._limit or len(self._requests) > _KEPT:
            self._size -= self._requests.popleft().size

    def wrap(self, app: App) -> App:
        """`app`, with every request written down when its answer begins (status null if none did)."""

        async def journaled(scope: Message, receive: Receive, send: Send) -> None:
            request = _Request(scope, self._clock.now())
            self._keep(request)

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    request.status = message["status"]
                await send(message)

            try:
                await app(scope, receive, send_and_note)
            except TooManyRequests:  # the answer that had begun goes no further than this
                request.status = HTTPStatus.TOO_MANY_REQUESTS
                raise

        return journaled
