"""A file as a response's body, in blocks: what a slow client leaves unread stays on the disk."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .oci.ranges import Span

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

# A slow client holds up to sixteen blocks in memory: the more files are being sent, the smaller they are.
_LARGEST_BLOCK = 256 * 1024
_SMALLEST_BLOCK = 4 * 1024
_TOGETHER = 2 * 1024 * 1024
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
        """How many bytes of each are read next."""
        return min(_LARGEST_BLOCK, max(_SMALLEST_BLOCK, _TOGETHER // self._count))


_SENDING = _Sending()


async def send_file(start: Message, path: Path, span: Span, send: Send) -> None:
    """Send the answer that begins with `start`, and those bytes of the file."""
    with _SENDING:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            await send(start)
            await _send_blocks(descriptor, path, span, send)
        finally:
            os.close(descriptor)


async def _send_blocks(descriptor: int, path: Path, span: Span, send: Send) -> None:
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
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _is_in_memory(descriptor: int, offset: int) -> bool:
    """Whether the byte at the offset, and so most likely those before it, is read without the disk."""
    if _NOWAIT is None:
        return False
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, _NOWAIT) == 1
    except OSError:  # EAGAIN, or a file system that cannot tell
        return False
