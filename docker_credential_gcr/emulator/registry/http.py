"""Requests and responses of the registry as values, over plain ASGI."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from docker_credential_gcr.emulator.oci.ranges import Span

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Granian hands a whole file to the kernel; a part of one is read in blocks of this many bytes.
_BLOCK = 256 * 1024
# A push by digest may come with many tags; no other request has more than a few parameters.
_PARAMETERS = 200
# https://www.rfc-editor.org/rfc/rfc9110#section-8.6
_WITHOUT_BODY = (204, 304)


class BodyIncomplete(Exception):
    """The client closed the connection, or was taken for one that had, before its body was whole."""


class QueryTooLong(Exception):
    """The query has more parameters than any request needs."""


class BodyTooLarge(Exception):
    """The body holds more bytes than this resource takes."""


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are in lower case, `path` is as received, not decoded."""

    method: str
    path: str
    headers: Mapping[str, str]
    query_string: str
    scheme: str
    receive: Receive

    @property
    def host(self) -> str:
        """The Host header, or "" (HTTP/1.0)."""
        return self.headers.get("host", "")

    @cached_property
    def query(self) -> Mapping[str, list[str]]:
        """The query's parameters; blank ones are kept. Raises QueryTooLong."""
        try:
            return parse_qs(self.query_string, keep_blank_values=True, max_num_fields=_PARAMETERS)
        except ValueError as error:
            raise QueryTooLong from error

    def parameter(self, name: str) -> str | None:
        """The query's last value of that name."""
        values = self.query.get(name)
        return values[-1] if values else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises BodyIncomplete."""
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise BodyIncomplete
            more = message.get("more_body", False)
            if body := message.get("body", b""):
                yield body

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises BodyTooLarge once it is longer than `limit`, BodyIncomplete."""
        if int(self.headers.get("content-length", 0)) > limit:
            raise BodyTooLarge
        parts, size = [], 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge
            parts.append(chunk)
        return b"".join(parts)


@dataclass(frozen=True)
class FileBody:
    """A file, or a span of it, as a response's body."""

    path: Path
    span: Span
    whole: bool


@dataclass(frozen=True)
class Response:
    """One HTTP response; a Content-Length is added when it is sent, where there may be one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FileBody = b""


async def send_response(response: Response, send: Send, *, headers_only: bool) -> None:
    """Send a response; with `headers_only` (HEAD) all of it but the body's bytes."""
    body = response.body
    size = len(body) if isinstance(body, bytes) else body.span.size
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    if response.status not in _WITHOUT_BODY:
        headers.append((b"content-length", str(size).encode()))
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    if headers_only or isinstance(body, bytes):
        await send(start)
        await send({"type": "http.response.body", "body": b"" if headers_only else body})
    elif body.whole:
        await send(start)
        await send({"type": "http.response.pathsend", "path": str(body.path)})
    else:
        await _send_span(start, body, send)


async def _send_span(start: Message, body: FileBody, send: Send) -> None:
    descriptor = os.open(body.path, os.O_RDONLY)
    try:
        await send(start)
        offset = body.span.start
        while offset < body.span.stop:
            size = min(_BLOCK, body.span.stop - offset)
            block = await asyncio.to_thread(os.pread, descriptor, size, offset)
            if not block:
                raise OSError(f"{body.path} is shorter than its blob")
            offset += len(block)
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        os.close(descriptor)
