"""Faults: requests that are answered otherwise than they should be, because a test wants to see that.

{"faults": [{"method": "GET", "path": "/v2/*/manifests/*", "status": 503, "body": "…", "times": 1}]}
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .journal import App, Message, Receive, Send

_DELAY_LIMIT_S = 60.0
# https://www.rfc-editor.org/rfc/rfc9110#section-5.5
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")


class InvalidFaults(ValueError):
    """The document does not describe faults."""


@dataclass(frozen=True)
class Fault:
    """One fault: which requests it meets, and what becomes of them.

    `status` None delays alone; `times` None is for ever. A delay ends early when the fault is lifted.
    """

    method: str
    path: str
    status: int | None
    body: bytes
    headers: dict[str, str]
    delay_s: float
    times: int | None

    def is_for(self, method: str, path: str) -> bool:
        """Whether this request is one of those that the fault is meant for."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)


# Says whether one more request may meet a fault that is not for ever: which set of faults, which of them.
Take = Callable[[int, int], Awaitable[bool]]


class Faults:
    """The faults in force, in order; a request meets the first that is meant for it and not used up.

    `take` counts for all workers; the one that counts does it with `count_one`.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self.number = 0
        self._faults: list[Fault] = []
        self._met: dict[int, int] = {}
        self._lifted = asyncio.Event()

    def replace(self, number: int, faults: list[Fault]) -> None:
        """Put these in force instead of all others; each set has a number of its own."""
        self.number, self._faults, self._met = number, faults, {}
        self._lifted.set()
        self._lifted = asyncio.Event()

    def count_one(self, number: int, index: int) -> bool:
        """Count a request that met a fault; False when that was used up, or is no more in force."""
        if number != self.number:
            return False
        met, times = self._met.get(index, 0), self._faults[index].times
        self._met[index] = met + 1
        return times is None or met < times

    def wrap(self, app: App) -> App:
        """`app` behind the faults."""

        # No coroutine of its own where there are no faults: every request would pay for it.
        def faulty(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            return meet(scope, receive, send) if self._faults else app(scope, receive, send)

        async def meet(scope: Message, receive: Receive, send: Send) -> None:
            lifted = self._lifted
            fault = await self._find(scope)
            if fault is None:
                await app(scope, receive, send)
                return
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(lifted.wait(), fault.delay_s)
            if fault.status is None:
                await app(scope, receive, send)
            else:
                await _answer(fault, fault.status, send)

        return faulty

    async def _find(self, scope: Message) -> Fault | None:
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        # Control stays reachable, so that a fault for everything can be lifted again.
        if path.startswith("/_emulator/"):
            return None
        number = self.number
        for index, fault in enumerate(self._faults):
            if fault.is_for(method, path) and (fault.times is None or await self._take(number, index)):
                return fault
        return None


async def _answer(fault: Fault, status: int, send: Send) -> None:
    headers = {"content-length": str(len(fault.body)), **fault.headers}
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": fault.body})


# name -> (the type of its value, what it is when left out)
_FIELDS: dict[str, tuple[type | tuple[type, ...], Any]] = {
    "method": (str, "*"),
    "path": (str, "*"),
    "status": ((int, type(None)), None),
    "body": (str, ""),
    "headers": (dict, {}),
    "delay_s": ((int, float), 0),
    "times": ((int, type(None)), None),
}


def parse_faults(document: object) -> list[Fault]:
    """The faults of a decoded JSON document; raises InvalidFaults."""
    listed = document.get("faults") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise InvalidFaults('expected {"faults": [...]}')
    return [_parse_fault(item, f"faults[{index}]") for index, item in enumerate(listed)]


def _parse_fault(item: object, where: str) -> Fault:
    if not isinstance(item, dict):
        raise InvalidFaults(f"{where} is not an object")
    unknown = sorted(set(item) - set(_FIELDS))
    if unknown:
        raise InvalidFaults(f"{where} has an unknown field {unknown[0]!r}: known are {', '.join(_FIELDS)}")
    values = {name: item.get(name, default) for name, (_, default) in _FIELDS.items()}
    for name, (kind, _) in _FIELDS.items():
        if not isinstance(values[name], kind) or isinstance(values[name], bool):
            raise InvalidFaults(f"{where}.{name} has a value of the wrong type")
    status, times, delay_s = values["status"], values["times"], values["delay_s"]
    if status is not None and not 200 <= status <= 599:
        raise InvalidFaults(f"{where}.status is not between 200 and 599")
    if times is not None and times < 1:
        raise InvalidFaults(f"{where}.times is not a positive number")
    if not 0 <= delay_s <= _DELAY_LIMIT_S:
        raise InvalidFaults(f"{where}.delay_s is not between 0 and {_DELAY_LIMIT_S:g}")
    headers = {str(name): str(value) for name, value in values["headers"].items()}
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers.items()):
        raise InvalidFaults(f"{where}.headers holds what no header of HTTP can be")
    body = values["body"].encode()
    return Fault(values["method"], values["path"], status, body, headers, float(delay_s), times)
