"""Reads the answer to an outgoing HTTP request: status, headers, and at most 64 KiB of the body.

https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import OutgoingFailed

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024
_MAX_INTERIM = 8
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n]*)")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


@dataclass(frozen=True)
class Answer:
    """What a receiver answered; names of headers are in lower case, the body may be cut."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Reads one answer. Raises OutgoingFailed for what is not HTTP, and for a body that is incomplete."""
    interim: Answer | None = None
    try:
        for _ in range(_MAX_INTERIM):
            try:
                status, headers = await _read_head(reader)
            except asyncio.IncompleteReadError as error:
                # A receiver whose last word is 102 has answered; Pub/Sub counts it as success.
                if interim is not None and not error.partial:
                    return interim
                raise
            if status >= 200 or status == 101:
                return Answer(status, headers, await _read_body(reader, status, headers))
            interim = Answer(status, headers, b"")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise OutgoingFailed("the answer is incomplete, or its headers are too large") from error
    raise OutgoingFailed(f"the receiver sent {_MAX_INTERIM} interim answers and no final one")


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    matched = _STATUS_LINE.fullmatch(first)
    if matched is None:
        raise OutgoingFailed("the answer is not HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise OutgoingFailed("the answer has an invalid header")
        headers[field[1].decode("ascii").lower()] = field[2].strip(b" \t").decode("latin-1")
    return int(matched[1]), headers


async def _read_body(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> bytes:
    if status in (101, 204, 304):
        return b""
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise OutgoingFailed("the answer has an unknown Transfer-Encoding")
        return await _read_chunks(reader)
    length = headers.get("content-length")
    if length is None:
        return await _read_up_to(reader, MAX_BODY)
    if not (length.isascii() and length.isdigit() and len(length) <= 18):
        raise OutgoingFailed("the answer has an invalid Content-Length")
    return await reader.readexactly(min(int(length), MAX_BODY))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while len(body) < MAX_BODY:
        matched = _CHUNK_SIZE.fullmatch(await reader.readuntil(b"\r\n"))
        if matched is None:
            raise OutgoingFailed("the answer has an invalid chunk")
        size = int(matched[1], 16)
        if size == 0:
            break
        body += await reader.readexactly(min(size, MAX_BODY - len(body)))
        if len(body) < MAX_BODY and await reader.readexactly(2) != b"\r\n":
            raise OutgoingFailed("the answer has an invalid chunk")
    return bytes(body)


async def _read_up_to(reader: asyncio.StreamReader, size: int) -> bytes:
    """Reads until the receiver closes the connection, or `size` bytes."""
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        return error.partial
