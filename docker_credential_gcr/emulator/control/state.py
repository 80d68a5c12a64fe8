"""What a test sets and asks of a server, the same whichever worker answers.

Every worker holds the clock's setting, the faults and the machine of the metadata server, for requests
need them; a change reaches all of them before it is acknowledged. Each keeps the journal of its own
requests, and they are put together when somebody asks. The first worker counts faults that are not for
ever, and resets.
So none of this is on the disk, and nothing of it outlives the server.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.current_machine import CurrentMachine
from docker_credential_gcr.emulator.machine import format_machine, parse_machine

from .faults import Faults, parse_faults
from .journal import App, Entry, Journal, Stamped, merge_entries

Setting = tuple[float | None, float]
Handler = Callable[[Any], Awaitable[Any]]


class Peers(Protocol):
    """The workers of a server, this one among them."""

    handlers: dict[str, Handler]

    async def ask_first(self, word: str, value: object = None) -> Any:
        """What the first worker answers."""

    async def ask_all(self, word: str, value: object = None) -> list[Any]:
        """What every worker answers, the first one first."""


class State:
    """The state that control shows and changes; `reset` forgets all else, `forget` what only saves work."""

    def __init__(
        self,
        clock: Clock,
        machine: CurrentMachine,
        peers: Peers,
        *,
        reset: Callable[[], Awaitable[None]],
        forget: Callable[[], None],
    ) -> None:
        self.clock = clock
        self._machine = machine
        # The one that the server began with.
        self._first_machine = self._describe_machine()
        self._peers = peers
        self._journal = Journal(clock)
        self._faults = Faults(self._take)
        self._fault_items: list[Any] = []
        self._reset_records = reset
        self._forget_own = forget
        peers.handlers.update(
            {
                # What each does for itself:
                "clock": self._apply_clock,
                "faults": self._apply_faults,
                "forget": self._forget,
                "journal": self._list_own,
                "machine": self._apply_machine,
                # What the first does for all:
                "count": self._count,
                "fault": self._replace_faults,
                "reset": self._reset,
            }
        )

    def wrap(self, app: App) -> App:
        """`app` behind the journal and the faults."""
        return self._journal.wrap(self._faults.wrap(app))

    async def set_clock(self, fixed: float | None, offset_s: float) -> None:
        """Let the clock stand still at `fixed`, or else run ahead of the machine's."""
        await self._peers.ask_all("clock", (fixed, offset_s))

    async def replace_faults(self, document: object) -> None:
        """Put the document's faults in force instead of all others; raises InvalidFaults."""
        parse_faults(document)
        assert isinstance(document, dict)  # noqa: S101 - or it could not have been parsed
        await self._peers.ask_first("fault", document["faults"])

    def find_machine(self) -> dict[str, Any] | None:
        """The machine that the metadata server speaks for, as JSON; None where there is none."""
        return self._describe_machine()

    async def replace_machine(self, document: object) -> None:
        """Let the metadata server speak for the document's machine; raises InvalidMachine."""
        parse_machine(document)
        await self._peers.ask_all("machine", document)

    async def remove_machine(self) -> None:
        """Take the metadata server away."""
        await self._peers.ask_all("machine")

    async def list_requests(self) -> list[Entry]:
        """The last requests to the server, oldest first."""
        parts: list[list[Stamped]] = await self._peers.ask_all("journal")
        return merge_entries(parts)

    async def reset(self) -> None:
        """Bring the server to the state in which it began."""
        await self._peers.ask_first("reset")

    def list_settings(self) -> list[tuple[str, object]]:
        """What a worker that comes later has to be told, as words and values."""
        return [
            ("clock", self.clock.setting),
            ("faults", (self._faults.number, self._fault_items)),
            ("machine", self._describe_machine()),
        ]

    async def _replace_faults(self, items: list[Any]) -> None:
        await self._peers.ask_all("faults", (self._faults.number + 1, items))

    async def _reset(self, _: object) -> None:
        await self._reset_records()
        await self._replace_faults([])
        await self._peers.ask_all("machine", self._first_machine)
        await self._peers.ask_all("forget")

    async def _take(self, number: int, index: int) -> bool:
        taken: bool = await self._peers.ask_first("count", (number, index))
        return taken

    async def _count(self, fault: tuple[int, int]) -> bool:
        return self._faults.count_one(*fault)

    async def _apply_clock(self, setting: Setting) -> None:
        fixed, offset_s = setting
        if fixed is None:
            self.clock.shift(offset_s)
        else:
            self.clock.set(fixed)

    async def _apply_faults(self, numbered: tuple[int, list[Any]]) -> None:
        number, self._fault_items = numbered
        self._faults.replace(number, parse_faults({"faults": self._fault_items}))

    async def _apply_machine(self, document: dict[str, Any] | None) -> None:
        self._machine.replace(None if document is None else parse_machine(document))

    def _describe_machine(self) -> dict[str, Any] | None:
        machine = self._machine.machine
        return None if machine is None else format_machine(machine)

    async def _list_own(self, _: object) -> list[Stamped]:
        return self._journal.list_entries()

    async def _forget(self, _: object) -> None:
        self._journal.clear()
        self.clock.shift(0.0)
        self._forget_own()
