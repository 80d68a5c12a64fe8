"""Lets an answer reach a client that is still sending: the server would otherwise cut it off.

When an application ends without having read the body, Granian resets an HTTP/2 stream, and closes an HTTP/1.1
connection, whose unread bytes then have the kernel reset it. Either overtakes what of the answer was not
written yet: of a refused push a client then sees an error of the protocol or a broken pipe instead of a
status. So what is left of the body is read after the answer, until the client has learned of it.
https://www.rfc-editor.org/rfc/rfc9112#section-9.6
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
    """Returns `app`, after whose answer the rest of the request's body is read, and thrown away."""

    # No coroutine of its own for what has no body: every request would pay for it.
    def reading(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["method"] in _WITHOUT_BODY:
            return app(scope, receive, send)
        left: int | None = None
        for name, value in scope["headers"]:
            if name == b"content-length":
                left = int(value)
            elif name == b"expect":
                # Such a client sends no body before it is told to, and none after a refusal.
                # https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
                return app(scope, receive, send)
        return _read(app, left, scope, receive, send) if left != 0 else app(scope, receive, send)

    return reading


async def _read(app: App, left: int | None, scope: Message, receive: Receive, send: Send) -> None:
    """Has the application answer, then reads the rest; `left` is the size that was announced."""
    more = True

    async def receive_and_note() -> Message:
        nonlocal left, more
        message = await receive()
        more = message.get("more_body", False)
        if left is not None:
            left -= len(message.get("body", b""))
        return message

    async def read_rest() -> None:
        # Granian tells of the body's end in a message of its own, for which a thread must be waited.
        while more and left != 0:
            await receive_and_note()

    await app(scope, receive_and_note, send)
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read_rest(), _LINGER_S)
