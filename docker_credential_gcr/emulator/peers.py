"""The workers of one server, as each of them sees the others.

The first worker decides what concerns all: it keeps the one order in which things happen. What a
request needs on its way (the clock, the faults) each worker has for itself, so that nobody is asked.
"""

import asyncio
import socket
from typing import Any

from .channel import AskFailed, Channel, ChannelClosed, Handler


class First:
    """The first worker's view; without any others it is alone."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self._others: set[Channel] = set()

    async def ask_first(self, word: str, value: object = None) -> Any:
        """What the first worker answers."""
        return await self.handlers[word](value)

    async def ask_all(self, word: str, value: object = None) -> list[Any]:
        """What every worker answers, the first one first; who ends meanwhile is left out."""
        own = await self.handlers[word](value)
        answers = await asyncio.gather(*(_ask(other, word, value) for other in list(self._others)))
        return [own, *(answer for found in answers for answer in found)]

    async def welcome(self, end: socket.socket) -> Channel:
        """Take another worker in."""
        relays: dict[str, Handler] = {"first": self._relay_first, "all": self._relay_all}
        channel = await Channel.open(end, relays)
        self._others.add(channel)
        return channel

    async def dismiss(self, channel: Channel) -> None:
        """End the conversation with a worker; it then ends itself."""
        self._others.discard(channel)
        await channel.end()

    async def _relay_first(self, asked: tuple[str, object]) -> Any:
        return await self.ask_first(*asked)

    async def _relay_all(self, asked: tuple[str, object]) -> Any:
        return await self.ask_all(*asked)


class Other:
    """The view of any other worker, once it has joined the first."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self._first: Channel | None = None

    async def join(self, end: socket.socket) -> Channel:
        """Begin the conversation with the first worker."""
        self._first = await Channel.open(end, self.handlers)
        return self._first

    async def ask_first(self, word: str, value: object = None) -> Any:
        """What the first worker answers. Raises ChannelClosed, AskFailed."""
        return await self._ask("first", word, value)

    async def ask_all(self, word: str, value: object = None) -> list[Any]:
        """What every worker answers, the first one first. Raises ChannelClosed, AskFailed."""
        answers: list[Any] = await self._ask("all", word, value)
        return answers

    async def _ask(self, whom: str, word: str, value: object) -> Any:
        if self._first is None:
            raise ChannelClosed
        return await self._first.ask(whom, [word, value])


Peers = First | Other


async def _ask(other: Channel, word: str, value: object) -> list[Any]:
    try:
        return [await other.ask(word, value)]
    except (ChannelClosed, AskFailed):
        return []
