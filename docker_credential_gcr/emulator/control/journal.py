"""The journal: the last requests and how each was answered, so that a test can ask what a client did.

{"time": 1767225600.0, "method": "GET", "host": "localhost:5000", "path": "/v2/token",
 "query": {"scope": ["repository:p/app:pull"]}, "status": 200}
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable
from heapq import merge
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qs

from docker_credential_gcr.emulator.clock import Clock

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

Entry = dict[str, object]
# When the request came, by a clock that no test sets and that all workers share, in nanoseconds.
Stamped = tuple[int, Entry]

_KEPT = 10_000
# What a query may tell; anything else may be a secret.
_SHOWN = frozenset({"account", "digest", "from", "last", "mount", "n", "scope", "service"})


def merge_entries(parts: list[list[Stamped]]) -> list[Entry]:
    """The last entries of several journals as one, oldest first."""
    return [entry for _, entry in merge(*parts, key=itemgetter(0))][-_KEPT:]


class Journal:
    """The last ten thousand requests to this process, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[Stamped] = deque(maxlen=_KEPT)

    def list_entries(self) -> list[Stamped]:
        """Every entry that is kept."""
        return list(self._entries)

    def clear(self) -> None:
        """Forget every entry."""
        self._entries.clear()

    def wrap(self, app: App) -> App:
        """`app`, with every request written down when its answer begins (status null if none did)."""

        async def journaled(scope: Message, receive: Receive, send: Send) -> None:
            entry = self._describe(scope)
            self._entries.append((time.monotonic_ns(), entry))

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    entry["status"] = message["status"]
                await send(message)

            await app(scope, receive, send_and_note)

        return journaled

    def _describe(self, scope: Message) -> Entry:
        sent = scope["query_string"]
        query = parse_qs(sent.decode("latin-1")) if sent else {}
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        return {
            "time": self._clock.now(),
            "method": scope["method"],
            "host": host.decode("latin-1"),
            "path": scope["raw_path"].decode("latin-1"),
            "query": {name: values for name, values in query.items() if name in _SHOWN},
            "status": None,
        }
