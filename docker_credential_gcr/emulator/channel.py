"""A conversation between two workers, over a socket: either end asks, the other answers.

Each message is its size, four bytes, and as many of JSON:

    ["ask", 7, "clock", [null, 60.0]]
    ["answer", 7, null]      or, when what was asked could not be done, ["failed", 7, "why"]
"""

import asyncio
import itertools
import json
import socket
import struct
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

Handler = Callable[[Any], Awaitable[Any]]

_SIZE = struct.Struct(">I")


class ChannelClosed(Exception):
    """The other end is gone."""


class AskFailed(Exception):
    """The other end could not do what it was asked."""


class Channel:
    """This end of a conversation; `handlers` answer what the other end asks, by its first word."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handlers: Mapping[str, Handler]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._handlers = handlers
        self._numbers = itertools.count()
        self._awaited: dict[int, asyncio.Future[Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.closed = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def open(cls, end: socket.socket, handlers: Mapping[str, Handler]) -> "Channel":
        """Begin the conversation; the socket is the channel's from then on."""
        return cls(*await asyncio.open_unix_connection(sock=end), handlers)

    async def ask(self, word: str, value: object = None) -> Any:
        """What the other end answers. Raises ChannelClosed, AskFailed."""
        if self.closed.is_set():
            raise ChannelClosed
        number = next(self._numbers)
        answer = self._awaited[number] = asyncio.get_running_loop().create_future()
        self._send(["ask", number, word, value])
        return await answer

    async def end(self) -> None:
        """End the conversation at once: an end that no longer reads is not waited for."""
        self._writer.transport.abort()
        await self._reading

    async def _read(self) -> None:
        try:
            while True:
                (size,) = _SIZE.unpack(await self._reader.readexactly(_SIZE.size))
                self._take(json.loads(await self._reader.readexactly(size)))
        except (asyncio.IncompleteReadError, OSError):
            self._end()

    def _end(self) -> None:
        self.closed.set()
        self._writer.close()
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_exception(ChannelClosed())
        self._awaited.clear()

    def _take(self, message: list[Any]) -> None:
        kind, number, *rest = message
        if kind == "ask":
            # A task of its own, for to answer may take asking. They start in the order of the messages.
            task = asyncio.ensure_future(self._answer(number, *rest))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            return
        answer = self._awaited.pop(number)
        if answer.done():  # who asked has given up
            return
        if kind == "answer":
            answer.set_result(rest[0])
        else:
            answer.set_exception(AskFailed(rest[0]))

    async def _answer(self, number: int, word: str, value: Any) -> None:
        try:
            message = ["answer", number, await self._handlers[word](value)]
        except Exception as error:  # noqa: BLE001 - the rim: the other end learns of it
            traceback.print_exception(error)
            message = ["failed", number, f"{word}: {type(error).__name__}"]
        self._send(message)

    def _send(self, message: list[Any]) -> None:
        data = json.dumps(message).encode()
        with suppress(OSError):  # the reader learns of the end
            self._writer.write(_SIZE.pack(len(data)) + data)
