"""Load on a registry: client processes with one raw connection each, and h2load.

The clients copy no bodies beyond the kernel's own copies, so that the server is measured, not the clients.
h2load sends small GETs, because Python is too slow for them.
"""

import mmap
import multiprocessing
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from _environment import Failed, run
from _image import digest_of

FORK = multiprocessing.get_context("fork")
_READ = 1 << 20
_RATE = re.compile(r"finished in .*?, ([0-9.]+) req/s")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: *(?:https?://[^/]+)?(\S+)", re.IGNORECASE)
_STATUSES = re.compile(r"status codes: (\d+) 2xx, \d+ 3xx, (\d+) 4xx, (\d+) 5xx")
# program -> Debian's package
TOOLS = {"h2load": "nghttp2-client", "docker-registry": "docker-registry"}
# The kernel drops a body that is only counted. https://man7.org/linux/man-pages/man7/tcp.7.html
_DROP = getattr(socket, "MSG_TRUNC", 0)


@dataclass(frozen=True)
class Endpoint:
    """A registry's port, a repository, and the Authorization header of each request."""

    port: int
    repository: str
    authorization: str | None


@dataclass(frozen=True)
class Throughput:
    """How many operations were done, and in how many seconds."""

    count: int
    elapsed_s: float

    @property
    def rate(self) -> float:
        """Returns the operations per second."""
        return self.count / self.elapsed_s


class Connection:
    """One connection to a registry."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._socket = socket.create_connection(("127.0.0.1", endpoint.port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"Authorization: {endpoint.authorization}\r\n" if endpoint.authorization else ""
        self._common = f"Host: localhost:{endpoint.port}\r\n{shown}"
        self._buffer = bytearray(_READ)

    def ask(
        self, method: str, path: str, *parts: "bytes | memoryview", expected: int, headers: str = ""
    ) -> bytes:
        """Sends a request; returns the answer's head. Raises Failed for another status."""
        size = sum(map(len, parts))
        length = "" if method == "GET" else f"Content-Length: {size}\r\n"
        head = f"{method} {path} HTTP/1.1\r\n{self._common}{headers}{length}\r\n".encode()
        if size < _READ // 16:
            self._socket.sendall(head + b"".join(parts))
        else:
            self._socket.sendall(head)
            for part in parts:
                self._socket.sendall(part)
        return self._read(expected)

    def push_blob(self, repository: str, digest: str, *parts: "bytes | memoryview") -> None:
        """Uploads a blob as Docker does: POST, PATCH, PUT."""
        kind = "Content-Type: application/octet-stream\r\n"
        answer = self.ask("POST", f"/v2/{repository}/blobs/uploads/", expected=202)
        answer = self.ask("PATCH", _location(answer), *parts, expected=202, headers=kind)
        location = _location(answer)
        finish = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        self.ask("PUT", finish, expected=201)

    def _read(self, expected: int) -> bytes:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            count = self._socket.recv_into(self._buffer)
            if not count:
                raise Failed("the registry closed the connection")
            received += self._buffer[:count]
        if int(received[9:12]) != expected:
            raise Failed(f"the registry answered {received[:end]!r}: {received[end:][:200]!r}")
        length = _LENGTH.search(received, 0, end)
        left = int(length[1]) - (len(received) - end - 4) if length else 0
        while left > 0:
            count = self._socket.recv_into(self._buffer, min(left, _READ), _DROP)
            if not count:
                raise Failed("the registry closed the connection")
            left -= count
        return received[:end]


# One operation on a connection; takes what was prepared for the client, and the number of the operation.
Operation = Callable[[Connection, Any, int], None]
# When the first operation began, when the last one ended, and their number; or the error.
Result = tuple[float, float, int] | str


def measure_operations(
    endpoints: Sequence[Endpoint],
    clients: int,
    prepare: Callable[[int], Any],
    act: Operation,
    *,
    seconds: float,
    at_most: int,
) -> Throughput:
    """Returns the throughput of clients in parallel, each at one of the endpoints in turn.

    `prepare` runs once for each, before the start.
    """
    barrier, ends = FORK.Barrier(clients + 1), FORK.SimpleQueue()

    def work(number: int) -> None:
        endpoint = endpoints[number % len(endpoints)]
        ends.put(_run_operations(endpoint, barrier, prepare(number), act, seconds, at_most))

    workers = [FORK.Process(target=work, args=(number,), daemon=True) for number in range(clients)]
    for worker in workers:
        worker.start()
    barrier.wait(300)
    results = [ends.get() for _ in workers]
    for worker in workers:
        worker.join()
    failed = [result for result in results if isinstance(result, str)]
    if failed:
        raise Failed(failed[0])
    began, ended = min(start for start, _, _ in results), max(end for _, end, _ in results)
    return Throughput(sum(acts for _, _, acts in results), ended - began)


def measure_gets(
    url: str, endpoint: Endpoint, *headers: str, clients: int, seconds: float, http2: bool
) -> Throughput:
    """Returns the throughput of h2load's GETs of the URL. Raises Failed if their statuses differ."""
    command = ["h2load", "-c", str(clients), "-t", "1", "-D", f"{seconds:g}", *([] if http2 else ["--h1"])]
    shown = [f"authorization: {endpoint.authorization}"] if endpoint.authorization else []
    for header in (*shown, *headers):
        command += ["-H", header]
    said = run([*command, url])
    rate, statuses = _RATE.search(said), _STATUSES.search(said)
    if rate is None or statuses is None or 0 not in map(int, statuses.groups()[:2]) or statuses[3] != "0":
        raise Failed(f"h2load {url}: {said[-500:]}")
    return Throughput(round(float(rate[1]) * seconds), seconds)


def find_missing_packages(*tools: str) -> list[str]:
    """Returns the Debian packages of those of the tools, keys of TOOLS, that are not installed."""
    return [TOOLS[tool] for tool in tools if shutil.which(tool) is None]


def check_h2load() -> None:
    """Raises Failed if h2load is not installed: before a measurement that comes to it after minutes."""
    missing = find_missing_packages("h2load")
    if missing:
        raise Failed(f"h2load is not installed: apt-get install {missing[0]}")


def make_bytes(size: int) -> memoryview:
    """Returns bytes in memory that all clients share."""
    shared = mmap.mmap(-1, size)
    block = os.urandom(min(size, _READ))
    for offset in range(0, size, len(block)):
        shared[offset : offset + len(block)] = block[: size - offset]
    return memoryview(shared)


def make_blobs(content: memoryview, count: int) -> list[tuple[str, bytes, memoryview]]:
    """Returns `count` blobs (digest and its two parts) that differ in their first bytes."""
    made = []
    for _ in range(count):
        first, rest = os.urandom(32), content[32:]
        made.append((digest_of(first + rest), first, rest))
    return made


def _run_operations(
    endpoint: Endpoint, barrier: Barrier, prepared: Any, act: Operation, seconds: float, at_most: int
) -> Result:
    try:
        connection = Connection(endpoint)
        barrier.wait(300)
        began = time.perf_counter()
        acts = 0
        while acts < at_most and time.perf_counter() < began + seconds:
            act(connection, prepared, acts)
            acts += 1
        return began, time.perf_counter(), acts
    except Exception as error:  # noqa: BLE001 - the parent reports it
        barrier.abort()
        return f"{type(error).__name__}: {error}"


def _location(head: bytes) -> str:
    found = _LOCATION.search(head)
    if found is None:
        raise Failed("the registry named no Location")
    return found[1].decode("latin-1")
