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
_EMPTY = (b"content-length", b"0")
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
        self._watch = _Watch()

    def wrap(self, app: App) -> App:
        """`app` behind the bounds; raises TooManyRequests when there are too many."""

        # No coroutine of its own for what has no body: every request would pay for it.
        def bounded(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["method"] not in _WITH_BODY or _EMPTY in scope["headers"]:
                return app(scope, receive, send)
            return take(scope, receive, send)

        async def take(scope: Message, receive: Receive, send: Send) -> None:
            if self._arriving >= self._limits.bodies:
                raise TooManyRequests("too many requests with bodies at once", _RETRY_AFTER_S)
            self._arriving += 1
            body = _Body(receive, self._limits, self._watch)
            try:
                await app(scope, body.receive, body.close_if_gone(send, scope["http_version"]))
            finally:
                self._arriving -= 1

        return bounded


class _Watch:
    """Ends what waits for too long. One timer for all: one for each costs more than most waits do."""

    def __init__(self) -> None:
        self._waiting: dict[_Body, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def begin(self, body: "_Body", until: float) -> None:
        """Give the body up at that instant of the loop's clock, unless its wait ends before."""
        self._waiting[body] = until
        if self._timer is None or until < self._due:
            self._set(until)

    def end(self, body: "_Body") -> None:
        """The body's wait has ended."""
        self._waiting.pop(body, None)

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = asyncio.get_running_loop().call_at(due, self._look), due

    def _look(self) -> None:
        # The clock may be a little behind the timer.
        now = max(asyncio.get_running_loop().time(), self._due)
        self._timer = None
        for body in [body for body, until in self._waiting.items() if until <= now]:
            del self._waiting[body]
            body.give_up()
        if self._waiting:
            self._set(min(self._waiting.values()))


class _Body:
    """One body that has to come at a pace; only the time spent waiting for the client counts."""

    __slots__ = ("_is_gone", "_is_whole", "_limits", "_receive", "_size", "_task", "_waited_s", "_watch")

    def __init__(self, receive: Receive, limits: Limits, watch: _Watch) -> None:
        self._receive = receive
        self._limits = limits
        self._watch = watch
        self._task: asyncio.Task[object] | None = None
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
        self._task = asyncio.current_task(loop)
        self._watch.begin(self, began + self._patience_s())
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if not self._is_gone:
                raise
            await asyncio.sleep(_LETTING_GO_S)
            return {"type": "http.disconnect"}
        finally:
            self._watch.end(self)
        self._waited_s += loop.time() - began
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        return message

    def give_up(self) -> None:
        """Take the client for one that has hung up."""
        self._is_gone = True
        if self._task is not None:
            self._task.cancel()

    def close_if_gone(self, send: Send, http_version: str) -> Send:
        """`send`, which says so where the connection ends with this answer. HTTP/2 has no such header."""
        if not http_version.startswith("1"):
            return send

        # No coroutine of its own, as above.
        def send_and_close(message: Message) -> Awaitable[None]:
            if self._is_gone and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            return send(message)

        return send_and_close

    def _patience_s(self) -> float:
        earned_s = self._size / self._limits.body_rate - self._waited_s
        return self._limits.body_silence_s + min(0.0, earned_s)
