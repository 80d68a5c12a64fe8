"""Journal of requests: the last ones and their statuses, so that a test can see what a client did.

It is limited in requests and in bytes. Each process has its own, unless the server keeps one for all workers
in the database.

{"time": 1767225600.0, "method": "GET", "host": "localhost:5000", "path": "/v2/token",
 "query": {"scope": ["repository:p/app:pull"]}, "status": 200}
"""

import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database import journal
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.request_context import CURRENT, CurrentRequest, filter_query
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.runtime.errors import StorageFull, TooManyRequests, Unavailable

Entry = dict[str, object]
T = TypeVar("T")

_MAX_ENTRIES = 10_000
# Of all methods, hosts, paths and queries together.
_MAX_SIZE = 8 * 1024 * 1024
# Of a path, and of a query; a client may send a hundred times as much.
_MAX_TEXT_SIZE = 4096
# The number of new entries after which the database is pruned.
_PRUNE_INTERVAL = 256


Write = Callable[..., Awaitable[T]]


async def write_if_possible(write: Write[T], work: Callable[[Connection], T]) -> T | None:
    """Returns what `work` returns, once committed; None if the disk is full or the database does not answer.

    `write` is `Database.write` or `Database.add`. No client's request may fail because a record for a test
    cannot be written.
    """
    try:
        return await write(work, durable=False)
    except Exception as error:
        if isinstance(translate_error(error), (StorageFull, Unavailable)):
            return None
        raise


class Journal(Protocol):
    """Records requests: the last 10,000 at most, and 8 MiB at most."""

    def wrap(self, app: App) -> App:
        """Returns `app` with every request recorded before its response begins."""

    async def list_entries(self) -> list[Entry]:
        """Returns all entries, the oldest first."""

    def clear(self) -> None:
        """Deletes the entries of this process."""


class _Request:
    """A request as received; its entry is built only when the journal is read. `size` is in bytes."""

    __slots__ = ("answer", "host", "method", "path", "query", "size", "time")

    def __init__(self, scope: Message, now: float) -> None:
        self.answer = (CURRENT.get() or CurrentRequest()).answer
        self.time = now
        self.method: str = scope["method"]
        self.host: bytes = dict(scope["headers"]).get(b"host", b"")
        self.path: bytes = scope["raw_path"][:_MAX_TEXT_SIZE]
        self.query: bytes = scope["query_string"][:_MAX_TEXT_SIZE]
        self.size = len(self.method) + len(self.host) + len(self.path) + len(self.query)

    def describe(self) -> Entry:
        """Returns the journal's entry."""
        return {
            "time": self.time,
            "method": self.method,
            "host": self.host.decode("latin-1"),
            "path": self.path.decode("latin-1"),
            "query": filter_query(self.query),
            "status": self.answer.status,
        }


class ProcessJournal:
    """The last requests to this process."""

    def __init__(self, clock: Clock, size: int = _MAX_SIZE) -> None:
        self._clock = clock
        self._requests: deque[_Request] = deque()
        self._limit = size
        self._size = 0

    async def list_entries(self) -> list[Entry]:
        """Returns all entries, the oldest first."""
        return [request.describe() for request in self._requests]

    def clear(self) -> None:
        """Deletes all entries."""
        self._requests.clear()
        self._size = 0

    def _add(self, request: _Request) -> None:
        self._requests.append(request)
        self._size += request.size
        while self._size > self._limit or len(self._requests) > _MAX_ENTRIES:
            self._size -= self._requests.popleft().size

    def wrap(self, app: App) -> App:
        """Returns `app` with every request recorded on arrival, with status null until its response."""

        # Not a coroutine, because every request would pay for it.
        def journaled(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            self._add(_Request(scope, self._clock.now()))
            return app(scope, receive, send)

        return journaled


class DatabaseJournal:
    """The last requests to all workers, in the database: a row is written before the response begins."""

    def __init__(self, clock: Clock, database: Database, size: int = _MAX_SIZE) -> None:
        self._clock = clock
        self._database = database
        self._limit = size
        self._added = 0
        # Added to this machine's monotonic clock: the instants of several machines have one order.
        self._offset_ns = time.time_ns() - time.monotonic_ns() + int(database.find_skew() * 1e9)

    async def list_entries(self) -> list[Entry]:
        """Returns all entries, the oldest first."""
        await self._database.add(self._prune, durable=False)
        return [json.loads(text) for text in await self._database.scan(journal.list_all)]

    def clear(self) -> None:
        """Does nothing: a reset deletes the rows."""

    def wrap(self, app: App) -> App:
        """Returns `app` with every request recorded before its response begins."""

        async def journaled(scope: Message, receive: Receive, send: Send) -> None:
            request, arrived_at = _Request(scope, self._clock.now()), time.monotonic_ns() + self._offset_ns

            async def send_and_record(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await self._add(request, message["status"], arrived_at)
                await send(message)

            try:
                await app(scope, receive, send_and_record)
            except TooManyRequests:
                await self._add(request, HTTPStatus.TOO_MANY_REQUESTS, arrived_at)
                raise

        return journaled

    async def _add(self, request: _Request, status: int, arrived_at: int) -> None:
        """Adds a row, if it can be written."""
        text = json.dumps({**request.describe(), "status": status})
        self._added += 1
        prunes = self._added % _PRUNE_INTERVAL == 0

        def work(connection: Connection) -> None:
            journal.add(connection, text, arrived_at=arrived_at, size=request.size)
            if prunes:
                self._prune(connection)

        # An addition, pruning too: nothing relies on an entry.
        await write_if_possible(self._database.add, work)

    def _prune(self, connection: Connection) -> None:
        journal.prune(connection, entries=_MAX_ENTRIES, size=self._limit)
