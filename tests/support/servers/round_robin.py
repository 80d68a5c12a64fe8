"""A load balancer for tests: an HTTP/1.1 proxy that sends each request to the next of several servers."""

import asyncio
import threading
from collections.abc import Iterable
from contextlib import suppress

from support.child_processes import LIMIT_S

_BLOCK = 65536
_MOST_HEAD = 256 * 1024
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
)
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_READINESS = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
# Headers of one connection alone, which a proxy answers for itself.
_HOP_BY_HOP = (b"connection:", b"keep-alive:", b"proxy-connection:")


class RoundRobin:
    """A proxy on a free port of loopback, in a thread of its own: `with RoundRobin(ports) as front`.

    Two requests of one connection go to different servers, each by a new connection; Host stays as the client
    sent it, and bodies are streamed in both directions. A server that refuses the connection is passed over,
    as a balancer's checks would do; if all refuse, the answer is 503. A server that dies within a request
    ends the client's connection.

    `forwards_for` adds X-Forwarded-For, as balancers do; the emulator then takes no request for a local
    program's. `check_s` asks /readyz of each server in that interval, and passes over those that do not
    answer 200; with `trusts_checks` it relies on that alone, as a Service of Kubernetes does, and tries no
    other server for a connection that is refused.
    """

    def __init__(
        self,
        ports: Iterable[int] = (),
        *,
        forwards_for: bool = True,
        check_s: float | None = None,
        trusts_checks: bool = False,
    ) -> None:
        self._forwards_for = forwards_for
        self._check_s = check_s
        self._trusts_checks = trusts_checks
        self._ports: list[int] = list(ports)
        self._not_ready: set[int] = set()
        self._next = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        # asyncio's transports refer to their readers weakly: a task whose client is gone would be lost.
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._main, name="round-robin", daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """Returns the URL at which clients reach the servers."""
        return f"http://localhost:{self.port}"

    def set_ports(self, ports: Iterable[int]) -> None:
        """Replaces the servers; requests in progress go on."""
        self._ports = list(ports)

    def __enter__(self) -> "RoundRobin":
        self._thread.start()
        assert self._started.wait(LIMIT_S), "the proxy does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(LIMIT_S)

    def _main(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        listener = await asyncio.start_server(self._serve_client, "127.0.0.1", 0, limit=_MOST_HEAD)
        self.port = listener.sockets[0].getsockname()[1]
        self._started.set()
        while not self._stop.is_set():
            if self._check_s is not None:
                await self._check_readiness()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._check_s)
        listener.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            while await self._pass_request(reader, writer):
                pass
        writer.close()
        self._tasks.discard(task)

    async def _pass_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Passes one request and its response; returns whether the client's connection can go on."""
        method = await reader.readexactly(1)
        if not method.isalpha():
            # TLS: clients try it first, wait ten seconds for an answer, and know a plain one by its start.
            writer.write(_BAD_REQUEST)
            await writer.drain()
            return False
        head = method + await reader.readuntil(b"\r\n\r\n")
        server = await self._connect()
        if server is None:
            writer.write(_UNAVAILABLE)
            await writer.drain()
            return False
        responses, requests = server
        requests.write(self._format_request(head, writer.get_extra_info("peername")[0]))
        body = self._loop.create_task(_copy_body(head, reader, requests))
        try:
            is_whole = await _copy_response(responses, writer, is_head=head.startswith(b"HEAD "))
            # A response before the end of the body, such as a 401, ends the connection.
            return is_whole and body.done() and body.result() and b"\r\nconnection: close" not in head.lower()
        finally:
            body.cancel()
            requests.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Returns a connection to the next server that accepts one; None if no server does."""
        ports = self._ports
        self._next += 1
        order = [ports[(self._next + offset) % len(ports)] for offset in range(len(ports))]
        ready = [port for port in order if port not in self._not_ready] or order
        for port in ready[:1] if self._trusts_checks else ready:
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port, limit=_MOST_HEAD)
        return None

    def _format_request(self, head: bytes, client: str) -> bytes:
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(_HOP_BY_HOP)]
        kept += [f"X-Forwarded-For: {client}".encode()] if self._forwards_for else []
        return b"\r\n".join([first, *kept, b"Connection: close", b"\r\n"])

    async def _check_readiness(self) -> None:
        for port in self._ports:
            (self._not_ready.discard if await _is_ready(port) else self._not_ready.add)(port)


async def _is_ready(port: int) -> bool:
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_READINESS)
        line = await reader.readline()
        writer.close()
        return line.split()[1:2] == [b"200"]
    return False


async def _copy_body(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Copies a request's body as its head frames it; returns whether all of it came.

    If the client or the server goes away, the connection to the server is closed.
    """
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    try:
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            await _copy_chunks(reader, writer)
        else:
            await _copy(reader, writer, int(fields.get(b"content-length", b"0")))
    except (OSError, EOFError):
        writer.close()
        return False
    return True


async def _copy_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    size = 1
    while size:
        line = await reader.readuntil(b"\r\n")
        writer.write(line)
        size = int(line.partition(b";")[0], 16)
        if size:
            await _copy(reader, writer, size + len(b"\r\n"))
    while line != b"\r\n":  # trailers
        line = await reader.readuntil(b"\r\n")
        writer.write(line)
    await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
    while size:
        block = await reader.read(min(size, _BLOCK))
        if not block:
            raise EOFError
        writer.write(block)
        await writer.drain()
        size -= len(block)


async def _copy_response(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_head: bool
) -> bool:
    """Copies interim responses and the last one, which ends with the server's connection.

    Returns whether it is whole, and its end is known to the client.
    """
    status = b"1"
    while status.startswith(b"1"):
        head = await reader.readuntil(b"\r\n\r\n")
        status = head.split(None, 2)[1]
        lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(_HOP_BY_HOP)]
        writer.write(b"\r\n".join([*kept, b"\r\n"]))
    size, end = 0, b""
    while block := await reader.read(_BLOCK):
        size, end = size + len(block), (end + block)[-5:]
        writer.write(block)
        await writer.drain()
    await writer.drain()
    if is_head or status in (b"204", b"304"):
        return True
    fields = dict(line.lower().split(b":", 1) for line in lines[1:] if b":" in line)
    if b"transfer-encoding" in fields:
        return end == b"0\r\n\r\n"
    return size == int(fields.get(b"content-length", b"-1"))
