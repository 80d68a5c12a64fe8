"""Bodies of requests: how many arrive at once, and how long each may take."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .capacity import TooManyRequests
from .settings import Limits

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
_RETRY_AFTER_S = 1


class Bodies:
    """The requests whose bodies may still be arriving.

    A client that falls silent, or sends less than the limits' rate, is treated as one that has
    hung up: `receive` gives http.disconnect.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._arriving = 0

    def wrap(self, app: App) -> App:
        """`app` behind the bounds; raises TooManyRequests when there are too many."""

        async def bounded(scope: Message, receive: Receive, send: Send) -> None:
            if scope["method"] not in _WITH_BODY:
                await app(scope, receive, send)
                return
            if self._arriving >= self._limits.bodies:
                raise TooManyRequests("too many requests with bodies at once", _RETRY_AFTER_S)
            self._arriving += 1
            try:
                await app(scope, _hasten(receive, self._limits), send)
            finally:
                self._arriving -= 1

        return bounded


def _hasten(receive: Receive, limits: Limits) -> Receive:
    """`receive` for a body that has to come at a pace.

    Only the time that is spent waiting for the client counts, not that which the disk takes.
    """
    waited_s, size, gone = 0.0, 0, False

    async def receive_in_time() -> Message:
        nonlocal waited_s, size, gone
        patience_s = limits.body_silence_s + size / limits.body_rate - waited_s
        began = asyncio.get_running_loop().time()
        try:
            if gone:
                return {"type": "http.disconnect"}
            message = await asyncio.wait_for(receive(), min(patience_s, limits.body_silence_s))
        except asyncio.TimeoutError:
            gone = True
            return {"type": "http.disconnect"}
        waited_s += asyncio.get_running_loop().time() - began
        size += len(message.get("body", b""))
        return message

    return receive_in_time
