"""Reads the answer of a server up to a size and a deadline: what answers at a URL need not be an emulator."""

import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .connection_fault import EmulatorError

if TYPE_CHECKING:
    import requests

MAX_SIZE = 64 * 1024 * 1024  # a listing of 100,000 images has half of that
_PART_SIZE = 64 * 1024


def fetch(send: Callable[[], "requests.Response"], url: str, patience_s: float) -> "requests.Response":
    """Returns the response, with its content, to a request that is sent with `stream`.

    Raises EmulatorError for more than MAX_SIZE, and for an answer that is not complete in time; what `send`
    raises goes through. In a thread: no time limit of a socket covers a server that sends a byte a second.
    """
    results: list[requests.Response] = []
    faults: list[BaseException] = []

    def work() -> None:
        try:
            results.append(_hold(send(), url))
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread that waits
            faults.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(patience_s)
    if faults:
        raise faults[0]
    if not results:
        raise EmulatorError(f"{url} did not answer in {patience_s:.0f} s: check what listens there")
    return results[0]


def _hold(response: "requests.Response", url: str) -> "requests.Response":
    """Returns the response with its whole content in memory."""
    import requests

    # The emulator compresses nothing, and a little of gzip may be a lot of memory.
    response.raw.headers.pop("Content-Encoding", None)
    parts, size = [], 0
    with response:
        for part in response.iter_content(_PART_SIZE):
            parts.append(part)
            size += len(part)
            if size > MAX_SIZE:
                raise EmulatorError(f"{url} answers more than {MAX_SIZE >> 20} MiB: check what listens there")
    held = requests.Response()
    held.status_code, held.reason, held.headers = response.status_code, response.reason, response.headers
    held.encoding, held.url, held.request = response.encoding, response.url, response.request
    held.raw = io.BytesIO(b"".join(parts))
    return held
