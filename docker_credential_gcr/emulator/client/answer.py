"""The answer of a server, read up to a size and a deadline: what answers at a URL need not be an emulator."""

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
    """The headers of an answer; their names in any case."""

    def get(self, name: str, default: str, /) -> str:
        """Returns the value of a header."""


@dataclass(frozen=True)
class Answer:
    """Status, headers and the whole body of an answer; the emulator compresses nothing."""

    status: int
    headers: Headers
    body: bytes

    def parse(self) -> Any:
        """Returns the value of the body. Raises ValueError or RecursionError when it is not JSON."""
        return json.loads(self.body)


def read_body(parts: Iterable[bytes], url: str) -> bytes:
    """Returns the body of an answer that comes in parts. Raises EmulatorError for more than MAX_SIZE."""
    kept, size = [], 0
    for part in parts:
        kept.append(part)
        size += len(part)
        if size > MAX_SIZE:
            raise EmulatorError(f"{url} answers more than {MAX_SIZE >> 20} MiB: check what listens there")
    return b"".join(kept)


def fetch(send: Callable[[], Answer], url: str, patience_s: float) -> Answer:
    """Returns the answer to a request that `send` makes, if it is complete in time; raises what that raises.

    Raises EmulatorError if it is not.
    """
    try:
        return call_within(time.monotonic() + patience_s, send)
    except Late as error:
        told = f"{url} did not answer in {patience_s:.0f} s: check what listens there"
        raise EmulatorError(told) from error
