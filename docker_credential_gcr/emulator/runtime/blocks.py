"""Response bodies in blocks, each read when the last one is sent: a slow client takes no memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from .asgi import Message, Receive, Send

# After a longer wait for one block, a task that watches for a disconnect is worth its cost.
_SLOW_S = 0.1


async def send_blocks(
    start: Message, blocks: AsyncGenerator[bytes, None], receive: Receive, send: Send
) -> None:
    """Sends the response that begins with `start`, and the blocks, until the client disconnects."""
    loop = asyncio.get_running_loop()
    with _DisconnectWatch(receive) as watch:
        async with aclosing(blocks):
            await send(start)
            async for block in blocks:
                began = loop.time()
                await send({"type": "http.response.body", "body": block, "more_body": True})
                if await watch.is_disconnected(loop.time() - began):
                    return
        await send({"type": "http.response.body", "body": b""})


class _DisconnectWatch:
    """Learns that a slow client has disconnected: the HTTP server then takes at once what is sent."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> "_DisconnectWatch":
        return self

    def __exit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def is_disconnected(self, waited_s: float) -> bool:
        """Returns whether the client has disconnected; the last block waited `waited_s` seconds for it."""
        if self._watching is None:
            if waited_s <= _SLOW_S:
                return False
            self._watching = asyncio.ensure_future(self._watch())
        # Lets the task run: a send to a client that has disconnected returns at once and does not wait.
        await asyncio.sleep(0)
        return self._watching.done()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
