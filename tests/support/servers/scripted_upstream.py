"""An upstream registry whose answers a test scripts, byte by byte; it runs in the test's event loop."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from docker_credential_gcr.emulator.oci import media_types
from docker_credential_gcr.emulator.oci.digest import digest_bytes

LIMIT_S = 60


class Asked(NamedTuple):
    """A request as it came; names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


# What is sent as it is, or a function that writes an answer.
Reply = bytes | Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


class ScriptedUpstream:
    """Answers each path with its next reply, the last one repeatedly; 404 for any other path.

    With the file of a certificate for localhost it serves https.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self.requests: list[Asked] = []
        self._replies: dict[str, list[Reply]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "ScriptedUpstream":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        self.host = f"{'localhost' if self._context else '127.0.0.1'}:{self.port}"
        self.url = f"{'https' if self._context else 'http'}://{self.host}"
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def script(self, path: str, *replies: Reply) -> None:
        """Sets the replies of a path."""
        self._replies[path] = list(replies)

    def list_asked(self, path: str) -> list[Asked]:
        """Returns the requests for a path."""
        return [asked for asked in self.requests if asked.path == path]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._answer(parse_request(await reader.readuntil(b"\r\n\r\n")), writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.requests.append(asked)
        replies = self._replies.get(asked.path, [answer(404)])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, bytes):
            writer.write(reply.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if asked.method == "HEAD" else reply)
        else:
            await reply(asked, writer)
        await writer.drain()


def parse_request(head: bytes) -> Asked:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    return Asked(
        method,
        path,
        query,
        {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)},
    )


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """Returns a whole answer; an underscore in a header's name stands for a hyphen."""
    fields = {"Content-Length": str(len(body)), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode() + body


def redirect(url: str, status: int = 307) -> bytes:
    return answer(status, Location=url)


def challenge(realm: str, **fields: str) -> bytes:
    """Returns a 401 with a Bearer challenge."""
    others = "".join(f',{name}="{value}"' for name, value in fields.items())
    return answer(401, WWW_Authenticate=f'Bearer realm="{realm}"{others}')


def give_token(value: str = "t-1", **fields: Any) -> bytes:
    return answer(200, json.dumps({"token": value, **fields}).encode(), Content_Type="application/json")


class Image(NamedTuple):
    """A manifest with one layer."""

    layer: bytes
    layer_digest: str
    manifest: bytes
    digest: str


def make_image(layer: bytes = b"layer") -> Image:
    digest = digest_bytes(layer)
    entry = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": len(layer)}
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": {**entry, "mediaType": "application/vnd.oci.image.config.v1+json"},
        "layers": [entry],
    }
    data = json.dumps(document).encode()
    return Image(layer, digest, data, digest_bytes(data))


def give_manifest(image: Image, **headers: str) -> bytes:
    fields = {"Content_Type": media_types.OCI_MANIFEST, "Docker_Content_Digest": image.digest, **headers}
    return answer(200, image.manifest, **fields)


def give_part(data: bytes, first: int, stop: int | None = None, *, total: int | None = None) -> bytes:
    """Returns a 206 from a byte on."""
    last = (len(data) if stop is None else stop) - 1
    size = len(data) if total is None else total
    return answer(206, data[first : last + 1], Content_Range=f"bytes {first}-{last}/{size}")


def cut(reply: bytes, size: int) -> bytes:
    """Returns the first bytes of an answer's body, under its unchanged headers."""
    head, _, body = reply.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n" + body[:size]


def break_off(reply: bytes, size: int) -> tuple[Reply, asyncio.Event]:
    """Returns a reply that ends within its body once the event is set: the reader has those bytes."""
    is_read = asyncio.Event()

    async def send(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(cut(reply, size))
        await writer.drain()
        await is_read.wait()

    return send, is_read


def send_slowly(pieces: Iterable[bytes], pause_s: float) -> Reply:
    """Returns a reply that sends the pieces with pauses between them."""

    async def reply(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return reply


async def hang(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    """Answers nothing until the test ends."""
    await asyncio.sleep(LIMIT_S)
