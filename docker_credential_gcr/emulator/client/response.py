"""HTTP response of a server, bounded in size and time: any program may answer at the URL."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from docker_credential_gcr.deadline import Late, call_within

from .connection_fault import EmulatorError

MAX_SIZE = 64 * 1024 * 1024  # a listing of 100,000 images has half of that
PART_SIZE = 64 * 1024


class Headers(Protocol):
    """Headers of a response; their names in any case."""

    def get(self, name: str, default: str, /) -> str:
        """Returns the value of a header."""


@dataclass(frozen=True)
class Response:
    """Status, headers and whole body of a response; the emulator compresses nothing."""

    status: int
    headers: Headers
    body: bytes

    def parse(self) -> Any:
        """Returns the value of the JSON body. Raises ValueError or RecursionError if it is not JSON."""
        return json.loads(self.body)


def read_body(parts: Iterable[bytes], url: str) -> bytes:
    """Returns the body of a response that comes in parts. Raises EmulatorError for more than MAX_SIZE."""
    received, size = [], 0
    for part in parts:
        received.append(part)
        size += len(part)
        if size > MAX_SIZE:
            raise EmulatorError(f"{url} sends more than {MAX_SIZE >> 20} MiB: check what listens there")
    return b"".join(received)


def fetch(send: Callable[[], Response], url: str, timeout_s: float) -> Response:
    """Returns what `send` returns, or raises; raises EmulatorError if it takes too long."""
    try:
        return call_within(time.monotonic() + timeout_s, send)
    except Late as error:
        message = f"{url} did not answer in {timeout_s:.0f} s: check what listens there"
        raise EmulatorError(message) from error
