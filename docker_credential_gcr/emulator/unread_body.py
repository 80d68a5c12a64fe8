"""Lets an answer reach a client that is still sending: HTTP/2 would otherwise cut it off.

When an application ends without having read the body, Granian resets the stream, and the reset overtakes
what of the answer was not written yet: of a refused push a client then sees an error of the protocol
instead of a status. So what is left of the body is read, until the client has learned of the answer.
With HTTP/1.1 the registry reads a small body before it refuses it; at a large one the connection is closed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# A client that goes on sending for longer than this after the answer has had time to read it.
_LINGER_S = 5.0
_WITHOUT_BODY = ("GET", "HEAD", "DELETE")


def read_to_the_end(app: App) -> App:
    """`app`, after whose answer the rest of an HTTP/2 request's body is read, and thrown away."""

    async def reading(scope: Message, receive: Receive, send: Send) -> None:
        if scope["http_version"] != "2" or scope["method"] in _WITHOUT_BODY:
            await app(scope, receive, send)
            return
        more = True

        async def receive_and_note() -> Message:
            nonlocal more
            message = await receive()
            more = message.get("more_body", False)
            return message

        async def read_rest() -> None:
            while more:
                await receive_and_note()

        await app(scope, receive_and_note, send)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(read_rest(), _LINGER_S)

    return reading
