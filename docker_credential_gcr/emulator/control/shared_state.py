"""Control state: what a test sets on a server, the same for all workers.

The clock, the faults and the metadata server's instance are rows of the database, as JSON:

    clock     [null, 60.0]: the instant at which it is stopped, or null, and how far ahead it runs
    faults    {"name": "5f0c…", "faults": […], "met": [0, 2]}: each set has its own name, and for
              each fault the number of requests that met it
    instance  {"account": …}, or null without a metadata server; without a row it is that of the settings
    reset     "5f0c…": a new name after each reset

Each request compares a version number to see whether a row has changed. So every worker knows a committed
change at its next request. A server with SQLite empties the table when it starts; in PostgreSQL the state
stays until a client resets it.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from copy import copy

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database import control_documents
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.gce_instance import CurrentInstance, format_instance, parse_instance
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.runtime.errors import Unavailable

from .faults import Faults, parse_faults
from .journal import Entry, Journal, write_if_possible

# Answers a request with an error.
Refuse = Callable[[Exception, Message, Receive, Send], Awaitable[None]]


class ControlState:
    """State of /_emulator/; `reset` deletes everything else, `clear_caches` what is cached."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        instance: CurrentInstance,
        journal: Journal,
        *,
        reset: Callable[[], Awaitable[None]],
        clear_caches: Callable[[], None],
        refuse: Refuse,
    ) -> None:
        """`refuse` answers a request with an error in the form of its site."""
        self.clock = clock
        self._database = database
        self._instance = instance
        # The one of the settings.
        self._first_instance = instance.instance
        self._journal = journal
        self._faults = Faults(self._count_fault, self.refresh)
        self._has_faults = False
        self._reset_database = reset
        self._clear_caches = clear_caches
        self._refuse = refuse
        self._version = -1
        self._rows: dict[str, str] = {}
        # Reset first: it must not clear what the others set.
        self._appliers: dict[str, Callable[[str | None], None]] = {
            "reset": self._apply_reset,
            "clock": self._apply_clock,
            "faults": self._apply_faults,
            "instance": self._apply_instance,
        }

    def wrap(self, app: App) -> App:
        """Returns `app` behind the journal and the faults that are in force when the request arrives."""
        plain, faulty = self._journal.wrap(app), self._journal.wrap(self._faults.wrap(app))

        # Not a coroutine if nothing has changed, because every request would pay for it.
        def current(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            if self._database.control_version() != self._version:
                return refreshed(scope, receive, send)
            return (faulty if self._has_faults else plain)(scope, receive, send)

        async def refreshed(scope: Message, receive: Receive, send: Send) -> None:
            try:
                await self.refresh()
            except Unavailable as error:
                await self._refuse(error, scope, receive, send)
                return
            await (faulty if self._has_faults else plain)(scope, receive, send)

        return refreshed if self._database.is_remote else current

    async def refresh(self) -> None:
        """Applies what any worker or server has set. Raises DatabaseUnavailable."""
        await self._database.refresh()
        version = self._database.control_version()
        if version == self._version:
            return
        rows = await self._database.read(control_documents.load)
        if version <= self._version:  # another request has applied this version or a newer one
            return
        before, self._rows, self._version = self._rows, rows, version
        for name, apply in self._appliers.items():
            if rows.get(name) != before.get(name):
                apply(rows.get(name))

    def find_now(self) -> float:
        """Returns the current time of the clock that is set, for a thread that no request refreshes."""
        clock = copy(self.clock)
        _set_clock(
            clock, self._database.read_now(lambda connection: control_documents.find(connection, "clock"))
        )
        return clock.now()

    async def set_clock(self, fixed: float | None, offset_s: float) -> None:
        """Stops the clock at `fixed`, or lets it run ahead of the machine's."""
        await self._save(clock=(fixed, offset_s))

    async def replace_faults(self, document: object) -> None:
        """Replaces all faults with those of the document. Raises InvalidFaults."""
        faults = parse_faults(document)
        assert isinstance(document, dict)  # noqa: S101 - parse_faults accepts nothing else
        name = secrets.token_hex(8)
        await self._save(faults={"name": name, "faults": document["faults"], "met": [0] * len(faults)})

    def find_instance(self) -> dict[str, object] | None:
        """Returns the metadata server's instance, as JSON; None without a metadata server."""
        instance = self._instance.instance
        return None if instance is None else format_instance(instance)

    async def replace_instance(self, document: object) -> None:
        """Replaces the metadata server's instance with that of the document. Raises InvalidInstance."""
        parse_instance(document)
        await self._save(instance=document)

    async def remove_instance(self) -> None:
        """Removes the metadata server."""
        await self._save(instance=None)

    async def list_requests(self) -> list[Entry]:
        """Returns the last requests, oldest first."""
        return await self._journal.list_entries()

    async def reset(self) -> None:
        """Resets the server to the state at its start."""
        await self._reset_database()
        name = json.dumps(secrets.token_hex(8))

        def work(connection: Connection) -> None:
            control_documents.clear(connection)
            control_documents.save(connection, {"reset": name})

        await self._database.write(work, durable=False)
        await self.refresh()

    async def _save(self, **documents: object) -> None:
        texts = {name: json.dumps(document) for name, document in documents.items()}
        # Not durable: the table is emptied at the next start.
        await self._database.write(
            lambda connection: control_documents.save(connection, texts), durable=False
        )
        await self.refresh()

    async def _count_fault(self, name: str, index: int) -> bool:
        """Counts a request that meets a fault, in a write transaction; returns whether the fault applies."""

        def work(connection: Connection) -> bool:
            document = json.loads(control_documents.find(connection, "faults") or "{}")
            if document.get("name") != name or document["met"][index] >= document["faults"][index]["times"]:
                return False
            document["met"][index] += 1
            control_documents.save(connection, {"faults": json.dumps(document)})
            return True

        # A write alone: no other request counts in between. A fault that cannot be counted does not apply.
        return bool(await write_if_possible(self._database.write, work))

    def _apply_clock(self, text: str | None) -> None:
        _set_clock(self.clock, text)

    def _apply_faults(self, text: str | None) -> None:
        document = json.loads(text or '{"name": "", "faults": [], "met": []}')
        self._has_faults = bool(document["faults"])
        self._faults.replace(document["name"], parse_faults({"faults": document["faults"]}), document["met"])

    def _apply_instance(self, text: str | None) -> None:
        if text is None:
            self._instance.instance = self._first_instance
            return
        document = json.loads(text)
        self._instance.instance = None if document is None else parse_instance(document)

    def _apply_reset(self, _: str | None) -> None:
        self._journal.clear()
        self._clear_caches()


def _set_clock(clock: Clock, text: str | None) -> None:
    fixed, offset_s = (None, 0.0) if text is None else json.loads(text)
    if fixed is None:
        clock.shift(offset_s)
    else:
        clock.set(fixed)
