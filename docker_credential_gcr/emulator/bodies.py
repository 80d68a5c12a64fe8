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
# Granian's threads let go of a body that nobody waits for any more within so long. Answered before
# that, three connections in ten were never closed, on a busy machine; after it none.
_LETTING_GO_S = 0.1


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

        # No coroutine of its own for what has no body: every request would pay for it.
        def bounded(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["method"] not in _WITH_BODY:
                return app(scope, receive, send)
            return take(scope, receive, send)

        async def take(scope: Message, receive: Receive, send: Send) -> None:
            if self._arriving >= self._limits.bodies:
                raise TooManyRequests("too many requests with bodies at once", _RETRY_AFTER_S)
            self._arriving += 1
            body = _Body(receive, self._limits)
            try:
                await app(scope, body.receive, body.close_if_gone(send, scope["http_version"]))
            finally:
                self._arriving -= 1

        return bounded


class _Body:
    """One body that has to come at a pace; only the time spent waiting for the client counts."""

    __slots__ = ("_is_gone", "_is_whole", "_limits", "_receive", "_size", "_waited_s")

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self._waited_s = 0.0
        self._size = 0
        self._is_gone = self._is_whole = False

    async def receive(self) -> Message:
        """The next message; http.disconnect once the client is too slow."""
        if self._is_gone:
            return {"type": "http.disconnect"}
        if self._is_whole:
            # Who asks on wants to know when the client goes, which may be never.
            return await self._receive()
        loop = asyncio.get_running_loop()
        began = loop.time()
        # Not wait_for: a task for each message costs more than most messages do.
        timer = loop.call_later(self._patience_s(), self._give_up, asyncio.current_task())
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if not self._is_gone:
                raise
            await asyncio.sleep(_LETTING_GO_S)
            return {"type": "http.disconnect"}
        finally:
            timer.cancel()
        self._waited_s += loop.time() - began
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        return message

    def _give_up(self, task: "asyncio.Task[object] | None") -> None:
        self._is_gone = True
        if task is not None:
            task.cancel()

    def close_if_gone(self, send: Send, http_version: str) -> Send:
        """`send`, which says so where the connection ends with this answer. HTTP/2 has no such header."""
        if not http_version.startswith("1"):
            return send

        async def send_and_close(message: Message) -> None:
            if self._is_gone and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        return send_and_close

    def _patience_s(self) -> float:
        earned_s = self._size / self._limits.body_rate - self._waited_s
        return self._limits.body_silence_s + min(0.0, earned_s)
