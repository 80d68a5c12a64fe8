"""What a test sets and asks of a server, the same whichever worker answers.

The clock's setting, the faults and the machine of the metadata server are rows of the database, as JSON:

    clock    [null, 60.0]: the instant at which it stands still, if it does, and how far ahead it runs
    faults   {"name": "5f0c…", "faults": […], "met": [0, 2]}: each set has a name of its own, and of each
             fault the number of requests that have met it
    machine  {"account": …}, or null without a metadata server; without a row it is that of the settings
    reset    "5f0c…": another name after each reset

Each request looks whether one of them has changed, which costs a number's comparison. So a change is known
to all workers, with their next requests, once it is committed. The server empties the table when it starts.
"""

import json
import secrets
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database import control
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.gce_instance import CurrentInstance, format_instance, parse_instance
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.runtime.clock import Clock

from .attempt import attempt
from .faults import Faults, parse_faults
from .journal import Entry, Journal


class State:
    """The state that control shows and changes; `reset` forgets all else, `forget` what only saves work."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        instance: CurrentInstance,
        requests: Journal,
        *,
        reset: Callable[[], Awaitable[None]],
        forget: Callable[[], None],
    ) -> None:
        self.clock = clock
        self._database = database
        self._instance = instance
        # The one that the server began with.
        self._first_instance = instance.instance
        self._journal = requests
        self._faults = Faults(self._take, self.refresh)
        self._has_faults = False
        self._reset_records = reset
        self._forget_own = forget
        self._seen = -1
        self._known: dict[str, str] = {}
        # A reset comes first: what it forgets must not be what is set below.
        self._appliers: dict[str, Callable[[str | None], None]] = {
            "reset": self._forget,
            "clock": self._apply_clock,
            "faults": self._apply_faults,
            "machine": self._apply_machine,
        }

    def wrap(self, app: App) -> App:
        """Returns `app` behind the journal and the faults, as they are when the request comes."""
        whole, faulty = self._journal.wrap(app), self._journal.wrap(self._faults.wrap(app))

        # No coroutine of its own where nothing has changed: every request would pay for it.
        def current(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            if self._database.control_version() != self._seen:
                return refreshed(scope, receive, send)
            return (faulty if self._has_faults else whole)(scope, receive, send)

        async def refreshed(scope: Message, receive: Receive, send: Send) -> None:
            await self.refresh()
            await (faulty if self._has_faults else whole)(scope, receive, send)

        return current

    async def refresh(self) -> None:
        """Takes over what any worker has set."""
        version = self._database.control_version()
        if version == self._seen:
            return
        known = await self._database.read(control.load)
        if version <= self._seen:  # another request has taken over this, or more, meanwhile
            return
        before, self._known, self._seen = self._known, known, version
        for name, apply in self._appliers.items():
            if known.get(name) != before.get(name):
                apply(known.get(name))

    def find_now(self) -> float:
        """Returns the present instant by the clock that is set, for a thread that no request refreshes."""
        clock = Clock()
        _set_clock(clock, self._database.read_now(lambda connection: control.find(connection, "clock")))
        return clock.now()

    async def set_clock(self, fixed: float | None, offset_s: float) -> None:
        """Let the clock stand still at `fixed`, or else run ahead of the machine's."""
        await self._save(clock=(fixed, offset_s))

    async def replace_faults(self, document: object) -> None:
        """Put the document's faults in force instead of all others; raises InvalidFaults."""
        faults = parse_faults(document)
        assert isinstance(document, dict)  # noqa: S101 - or it could not have been parsed
        name = secrets.token_hex(8)
        await self._save(faults={"name": name, "faults": document["faults"], "met": [0] * len(faults)})

    def find_machine(self) -> dict[str, object] | None:
        """The machine that the metadata server speaks for, as JSON; None where there is none."""
        machine = self._instance.instance
        return None if machine is None else format_instance(machine)

    async def replace_machine(self, document: object) -> None:
        """Let the metadata server speak for the document's machine; raises InvalidInstance."""
        parse_instance(document)
        await self._save(machine=document)

    async def remove_machine(self) -> None:
        """Take the metadata server away."""
        await self._save(machine=None)

    async def list_requests(self) -> list[Entry]:
        """The last requests, oldest first."""
        return await self._journal.list_entries()

    async def reset(self) -> None:
        """Bring the server to the state in which it began."""
        await self._reset_records()
        name = json.dumps(secrets.token_hex(8))

        def work(connection: Connection) -> None:
            control.clear(connection)
            control.save(connection, {"reset": name})

        await self._database.write(work, durable=False)
        await self.refresh()

    async def _save(self, **documents: object) -> None:
        texts = {name: json.dumps(document) for name, document in documents.items()}
        # What a server's end forgets need not reach the disk.
        await self._database.write(lambda connection: control.save(connection, texts), durable=False)
        await self.refresh()

    async def _take(self, name: str, index: int) -> bool:
        """Count a request that meets a fault, in a transaction that no other worker's overlaps."""

        def work(connection: Connection) -> bool:
            document = json.loads(control.find(connection, "faults") or "{}")
            if document.get("name") != name or document["met"][index] >= document["faults"][index]["times"]:
                return False
            document["met"][index] += 1
            control.save(connection, {"faults": json.dumps(document)})
            return True

        # One that cannot be counted meets no request.
        return bool(await attempt(self._database, work))

    def _apply_clock(self, text: str | None) -> None:
        _set_clock(self.clock, text)

    def _apply_faults(self, text: str | None) -> None:
        document = json.loads(text or '{"name": "", "faults": [], "met": []}')
        self._has_faults = bool(document["faults"])
        self._faults.replace(document["name"], parse_faults({"faults": document["faults"]}), document["met"])

    def _apply_machine(self, text: str | None) -> None:
        if text is None:
            self._instance.instance = self._first_instance
            return
        document = json.loads(text)
        self._instance.instance = None if document is None else parse_instance(document)

    def _forget(self, _: str | None) -> None:
        self._journal.clear()
        self._forget_own()


def _set_clock(clock: Clock, text: str | None) -> None:
    fixed, offset_s = (None, 0.0) if text is None else json.loads(text)
    if fixed is None:
        clock.shift(offset_s)
    else:
        clock.set(fixed)
