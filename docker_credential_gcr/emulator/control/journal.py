"""The journal: the last requests and how each was answered, so that a test can ask what a client did.

It is bounded in requests and in bytes, whatever the requests hold. Each process has its own, unless the
server keeps that of all workers in the database.

{"time": 1767225600.0, "method": "GET", "host": "localhost:5000", "path": "/v2/token",
 "query": {"scope": ["repository:p/app:pull"]}, "status": 200}
"""

import json
import time
from collections import deque
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Protocol

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database import journal
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.request_context import CURRENT, CurrentRequest, show_query
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.runtime.errors import TooManyRequests

from .attempt import attempt

Entry = dict[str, object]

_KEPT = 10_000
# Of all their methods, hosts, paths and queries together.
_KEPT_SIZE = 8 * 1024 * 1024
# Of a path, and of a query; a client may send a hundred times as much.
_SHOWN = 4096


# Entries in the database are counted after so many new ones.
_PRUNED_EVERY = 256


class Journal(Protocol):
    """Keeps requests; the last of them, at most 10,000, and 8 MiB."""

    def wrap(self, app: App) -> App:
        """Returns `app`, with every request written down before its answer begins."""

    async def list_entries(self) -> list[Entry]:
        """Every entry that is kept, the oldest first."""

    def clear(self) -> None:
        """Forget what this process keeps."""


class _Request:
    """A request as it came; it is described only when the journal is asked for. `size` is in bytes."""

    __slots__ = ("answer", "host", "method", "path", "query", "size", "time")

    def __init__(self, scope: Message, now: float) -> None:
        self.answer = (CURRENT.get() or CurrentRequest()).answer
        self.time = now
        self.method: str = scope["method"]
        self.host: bytes = dict(scope["headers"]).get(b"host", b"")
        self.path: bytes = scope["raw_path"][:_SHOWN]
        self.query: bytes = scope["query_string"][:_SHOWN]
        self.size = len(self.method) + len(self.host) + len(self.path) + len(self.query)

    def describe(self) -> Entry:
        """The journal's entry."""
        return {
            "time": self.time,
            "method": self.method,
            "host": self.host.decode("latin-1"),
            "path": self.path.decode("latin-1"),
            "query": show_query(self.query),
            "status": self.answer.status,
        }


class OwnJournal:
    """The last requests to this process."""

    def __init__(self, clock: Clock, size: int = _KEPT_SIZE) -> None:
        self._clock = clock
        self._requests: deque[_Request] = deque()
        self._limit = size
        self._size = 0

    async def list_entries(self) -> list[Entry]:
        """Every entry that is kept, the oldest first."""
        return [request.describe() for request in self._requests]

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
        """Returns `app`, with every request written down when it comes (status null until it is answered)."""

        # No coroutine of its own: every request would pay for it.
        def journaled(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            self._keep(_Request(scope, self._clock.now()))
            return app(scope, receive, send)

        return journaled


class SharedJournal:
    """The last requests to all workers, in the database: each has its row before its answer begins."""

    def __init__(self, clock: Clock, database: Database, size: int = _KEPT_SIZE) -> None:
        self._clock = clock
        self._database = database
        self._limit = size
        self._added = 0

    async def list_entries(self) -> list[Entry]:
        """Every entry that is kept, the oldest first."""
        await self._database.write(self._prune, durable=False)
        return [json.loads(text) for text in await self._database.scan(journal.list_all)]

    def clear(self) -> None:
        """Forget nothing: a reset deletes the rows."""

    def wrap(self, app: App) -> App:
        """Returns `app`, with every request written down when its answer begins."""

        async def journaled(scope: Message, receive: Receive, send: Send) -> None:
            request, arrived_at = _Request(scope, self._clock.now()), time.monotonic_ns()

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await self._add(request, message["status"], arrived_at)
                await send(message)

            try:
                await app(scope, receive, send_and_note)
            except TooManyRequests:
                await self._add(request, HTTPStatus.TOO_MANY_REQUESTS, arrived_at)
                raise

        return journaled

    async def _add(self, request: _Request, status: int, arrived_at: int) -> None:
        """Adds a row, where there is room for one."""
        text = json.dumps({**request.describe(), "status": status})
        self._added += 1
        prunes = self._added % _PRUNED_EVERY == 0

        def work(connection: Connection) -> None:
            journal.add(connection, text, arrived_at=arrived_at, size=request.size)
            if prunes:
                self._prune(connection)

        await attempt(self._database, work)

    def _prune(self, connection: Connection) -> None:
        journal.prune(connection, entries=_KEPT, size=self._limit)
