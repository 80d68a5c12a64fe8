"""A file as a response's body, in blocks: what a slow client leaves unread stays on the disk."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from .oci.ranges import Span

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Message], Awaitable[None]]

# A slow client holds up to sixteen blocks in memory: the more files are being sent, the smaller they are.
_LARGEST_BLOCK = 256 * 1024
_SMALLEST_BLOCK = 4 * 1024
_TOGETHER = 1024 * 1024
# After a wait as long as this it is worth a task to learn whether the client has gone.
_SLOW_S = 0.1
# Linux reads without waiting for the disk what it has in memory.
_NOWAIT = getattr(os, "RWF_NOWAIT", None)


class _Sending:
    """The files that this process is sending."""

    def __init__(self) -> None:
        self._count = 0

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1

    @property
    def block(self) -> int:
        """The bytes of each that are read next."""
        return min(_LARGEST_BLOCK, max(_SMALLEST_BLOCK, _TOGETHER // self._count))


_SENDING = _Sending()


async def send_file(start: Message, path: Path, span: Span, receive: Receive, send: Send) -> None:
    """Sends the answer that begins with `start`, and those bytes of the file, until the client goes."""
    with _SENDING, _Departure(receive) as departure:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            await send(start)
            await _send_blocks(descriptor, path, span, departure, send)
        finally:
            os.close(descriptor)


class _Departure:
    """Finds out whether a slow client has gone: the HTTP server takes at once what is sent to it then."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> "_Departure":
        return self

    def __exit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def is_known(self, waited_s: float) -> bool:
        """Tells whether it has gone; the last block waited for it that many seconds."""
        if self._watching is None:
            if waited_s <= _SLOW_S:
                return False
            self._watching = asyncio.ensure_future(self._watch())
        # The only wait: what is sent to a client that has gone waits no more.
        await asyncio.sleep(0)
        return self._watching.done()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _send_blocks(descriptor: int, path: Path, span: Span, departure: _Departure, send: Send) -> None:
    loop = asyncio.get_running_loop()
    offset = span.start
    while offset < span.stop:
        size = min(_SENDING.block, span.stop - offset)
        if _is_in_memory(descriptor, offset + size - 1):
            block = os.pread(descriptor, size, offset)
        else:
            block = await asyncio.to_thread(os.pread, descriptor, size, offset)
        if not block:
            raise OSError(f"{path} is shorter than its blob")
        offset += len(block)
        began = loop.time()
        await send({"type": "http.response.body", "body": block, "more_body": True})
        if await departure.is_known(loop.time() - began):
            return
    await send({"type": "http.response.body", "body": b""})


def _is_in_memory(descriptor: int, offset: int) -> bool:
    """Tells whether the byte at the offset, and so most likely those before it, is in the page cache."""
    if _NOWAIT is None:
        return False
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, _NOWAIT) == 1
    except OSError:  # EAGAIN, or a file system that cannot tell
        return False
