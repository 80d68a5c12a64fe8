"""Fault injection: requests that a test lets fail or delay.

{"faults": [{"method": "GET", "path": "/v2/*/manifests/*", "status": 503, "body": "…", "times": 1}]}
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send

_DELAY_LIMIT_S = 60.0
# How often a delayed request checks whether its fault was lifted.
_CHECK_INTERVAL_S = 0.05
# https://www.rfc-editor.org/rfc/rfc9110#section-5.5
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")


class InvalidFaults(ValueError):
    """The document does not describe faults."""


@dataclass(frozen=True)
class Fault:
    """A fault: the requests that it applies to, and their response.

    `status` None only delays; `times` None is without limit. A delay ends early when the fault is lifted.
    """

    method: str
    path: str
    status: int | None
    body: bytes
    headers: dict[str, str]
    delay_s: float
    times: int | None

    def applies_to(self, method: str, path: str) -> bool:
        """Returns whether the fault is for this request."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)


# Counts a request that met a fault with `times`: the name of the set, and the index of the fault. Returns
# False if the fault is used up, or no longer in force.
Count = Callable[[str, int], Awaitable[bool]]
Refresh = Callable[[], Awaitable[None]]


class Faults:
    """The faults in force; a request meets the first that applies to it and is not used up.

    `count` counts for all workers. `refresh` applies what another worker has set.
    """

    def __init__(self, count: Count, refresh: Refresh) -> None:
        self._count = count
        self._refresh = refresh
        self._name = ""
        self._faults: list[Fault] = []
        # The number of requests that each has met, as far as this worker knows.
        self._met: list[int] = []

    def replace(self, name: str, faults: list[Fault], met: list[int]) -> None:
        """Replaces all faults; each set has its own name."""
        self._name, self._faults, self._met = name, faults, met

    def wrap(self, app: App) -> App:
        """Returns `app` behind the faults."""

        async def meet(scope: Message, receive: Receive, send: Send) -> None:
            name = self._name
            fault = await self._find(name, scope)
            if fault is None:
                await app(scope, receive, send)
                return
            await self._delay(name, fault.delay_s)
            if fault.status is None:
                await app(scope, receive, send)
            else:
                await _answer(fault, fault.status, send)

        return meet

    async def _delay(self, name: str, delay_s: float) -> None:
        """Waits, and no longer than until the set of that name is lifted."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + delay_s
        while name == self._name and (remaining_s := ends_at - loop.time()) > 0:
            await asyncio.sleep(min(remaining_s, _CHECK_INTERVAL_S))
            await self._refresh()

    async def _find(self, name: str, scope: Message) -> Fault | None:
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        # /_emulator/ stays reachable: a fault for every path can be lifted.
        if path.startswith("/_emulator/"):
            return None
        # A fault that is used up is not counted again.
        for index, (fault, met) in enumerate(zip(self._faults, self._met, strict=True)):
            if not fault.applies_to(method, path):
                continue
            if fault.times is None or (met < fault.times and await self._count(name, index)):
                return fault
        return None


async def _answer(fault: Fault, status: int, send: Send) -> None:
    headers = {"content-length": str(len(fault.body)), **fault.headers}
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": fault.body})


# name -> (the type of its value, its default)
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
    """Parses the faults of a decoded JSON document. Raises InvalidFaults."""
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
        raise InvalidFaults(f"{where}.headers is not a map of HTTP header names to values")
    body = values["body"].encode()
    return Fault(values["method"], values["path"], status, body, headers, float(delay_s), times)
