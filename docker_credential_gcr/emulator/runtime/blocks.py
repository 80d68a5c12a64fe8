"""A response's body in blocks, read one by one: what a slow client leaves unread stays in the store."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from .asgi import Message, Receive, Send

# After a wait as long as this it is worth a task to learn whether the client has gone.
_SLOW_S = 0.1


async def send_blocks(
    start: Message, blocks: AsyncGenerator[bytes, None], receive: Receive, send: Send
) -> None:
    """Sends the answer that begins with `start`, and the blocks, until the client goes."""
    loop = asyncio.get_running_loop()
    with _Departure(receive) as departure:
        async with aclosing(blocks):
            await send(start)
            async for block in blocks:
                began = loop.time()
                await send({"type": "http.response.body", "body": block, "more_body": True})
                if await departure.is_known(loop.time() - began):
                    return
        await send({"type": "http.response.body", "body": b""})


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
