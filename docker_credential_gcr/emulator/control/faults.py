"""Faults: requests that are answered otherwise than they should be, because a test wants to see that.

{"faults": [{"method": "GET", "path": "/v2/*/manifests/*", "status": 503, "body": "…", "times": 1}]}
"""

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from .journal import App, Message, Receive, Send

_DELAY_LIMIT_S = 60.0


class InvalidFaults(ValueError):
    """The document does not describe faults."""


@dataclass
class Fault:
    """One fault: which requests it meets, and what becomes of them.

    `status` None delays alone; `remaining` None is for ever.
    """

    method: str
    path: str
    status: int | None
    body: bytes
    headers: dict[str, str]
    delay_s: float
    remaining: int | None

    def meets(self, method: str, path: str) -> bool:
        """Whether this request is one of them."""
        return self.remaining != 0 and self.method in ("*", method) and fnmatchcase(path, self.path)


@dataclass
class Faults:
    """The faults in force, in order; a request meets the first that is meant for it."""

    _faults: list[Fault] = field(default_factory=list)

    def replace(self, faults: list[Fault]) -> None:
        """Put these in force instead of all others."""
        self._faults = faults

    def wrap(self, app: App) -> App:
        """`app` behind the faults."""

        async def faulty(scope: Message, receive: Receive, send: Send) -> None:
            if not self._faults:
                await app(scope, receive, send)
                return
            path = scope["raw_path"].decode("latin-1")
            fault = next((fault for fault in self._faults if fault.meets(scope["method"], path)), None)
            # Control stays reachable, so that a fault for everything can be lifted again.
            if fault is None or path.startswith("/_emulator/"):
                await app(scope, receive, send)
                return
            if fault.remaining is not None:
                fault.remaining -= 1
            await asyncio.sleep(fault.delay_s)
            if fault.status is None:
                await app(scope, receive, send)
            else:
                await _answer(fault, fault.status, send)

        return faulty


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
    if any(set(text) & set("\r\n\0") for pair in headers.items() for text in pair):
        raise InvalidFaults(f"{where}.headers holds a line break")
    body = values["body"].encode()
    return Fault(values["method"], values["path"], status, body, headers, float(delay_s), times)
