"""A relay in front of a PostgreSQL cluster, on the test's event loop: answers in parts, broken connections.

async with running_relay(cluster.directory) as relay:
    relay.place(url)      # the URL of the same database through the relay
    relay.part_size = 1   # the client reads each byte of an answer on its own
    relay.break_next()    # instead of the next answer the connection is reset
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

_READ = 65536


class Relay:
    """Relays connections to the cluster with a socket in that directory; `parts` counts what it has sent."""

    def __init__(self, directory: Path, *, is_tls: bool) -> None:
        self.part_size = _READ
        self.parts = 0
        self.port = 0
        self._directory = directory
        self._is_tls = is_tls
        self._breaks_next = False
        self._tasks: set[asyncio.Task[None]] = set()

    def place(self, url: str) -> str:
        """Returns the URL of a database of the cluster, through this relay."""
        user, path = urlsplit(url).username, urlsplit(url).path
        # libpq 17 and later: TLS from the first byte, which needs no relay that speaks PostgreSQL's protocol.
        options = "sslmode=require&sslnegotiation=direct" if self._is_tls else "sslmode=disable"
        return f"postgresql://{user}@127.0.0.1:{self.port}{path}?{options}"

    def break_next(self) -> None:
        """Resets the connection that gets the next answer, instead of the answer."""
        self._breaks_next = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relays one connection until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        answers, requests = await asyncio.open_unix_connection(self._directory / ".s.PGSQL.5432")
        asking = asyncio.ensure_future(_copy(reader, requests))
        try:
            while data := await answers.read(_READ):
                if self._breaks_next:
                    self._breaks_next = False
                    return
                await self._send(data, writer)
        finally:
            asking.cancel()
            requests.close()
            writer.transport.abort()

    async def _send(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        for offset in range(0, len(data), self.part_size):
            writer.write(data[offset : offset + self.part_size])
            self.parts += 1
            # The loop sends this part and reads at the other end, before the next one.
            for _ in range(3):
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Ends all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_READ):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def running_relay(directory: Path, certificate: Path | None = None) -> AsyncIterator[Relay]:
    """Runs a relay for the block; with TLS if there is a certificate."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(["postgresql"])
    relay = Relay(directory, is_tls=context is not None)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, ssl=context)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await relay.close()
