"""Bodies of requests: how many arrive at once, how much of them is kept, and how long each may take."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .body_shares import Share
from .current_request import find_member
from .deadlines import Deadlines
from .hosts import REGISTRY_PATHS
from .settings import Limits

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
_EMPTY = (b"content-length", b"0")
# What is sent there goes to a file while it arrives.
_UPLOADS = b"/blobs/uploads/"
_GONE = {"type": "http.disconnect"}
# Granian's threads let go of a body that nobody waits for any more within so long. Answered before
# that, three connections in ten were never closed, on a busy machine; after it none.
_LETTING_GO_S = 0.1


class Bodies:
    """The requests whose bodies are being read.

    Pushes have a share of their own: a request to the registry, by a client that has shown a valid
    credential. All other bodies are small, and no credential precedes many of them: where their share is
    full, the client that has been silent for longest is treated as one that has hung up.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.deadlines = Deadlines()
        self._pushes = Share(limits.bodies, limits.bodies_size)
        self._others = Share(limits.other_bodies, limits.bodies_size, gives_up_silent=True)

    def wrap(self, app: App) -> App:
        """Returns `app` behind the bounds: its `receive` raises TooManyRequests where there are too many."""

        # No coroutine of its own for what has no body: every request would pay for it.
        def bounded(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["method"] not in _WITH_BODY or _EMPTY in scope["headers"]:
                return app(scope, receive, send)
            return take(scope, receive, send)

        async def take(scope: Message, receive: Receive, send: Send) -> None:
            body = _Body(self, receive, scope["raw_path"])
            try:
                await app(scope, body.receive, body.close_if_gone(send, scope["http_version"]))
            finally:
                body.end()

        return bounded

    def choose_share(self, path: bytes) -> Share:
        """Returns the share of a request to that path, which the server is about to read the body of."""
        is_push = path.startswith(REGISTRY_PATHS) and find_member() is not None
        return self._pushes if is_push else self._others


class _Body:
    """One body that has to come at a pace; only the time spent waiting for the client counts.

    A client that falls silent, or sends less than the limits' rate, is treated as one that has
    hung up: `receive` gives http.disconnect.
    """

    __slots__ = (
        "_bodies", "_is_gone", "_is_whole", "_path", "_receive", "_share", "_size", "_task", "_waited_s",
    )  # fmt: skip

    def __init__(self, bodies: Bodies, receive: Receive, path: bytes) -> None:
        self._bodies = bodies
        self._receive = receive
        self._path = path
        self._share: Share | None = None
        self._task: asyncio.Task[object] | None = None
        self._waited_s = 0.0
        self._size = 0
        self._is_gone = self._is_whole = False

    async def receive(self) -> Message:
        """Returns the next message; http.disconnect once the client is too slow. Raises TooManyRequests."""
        if self._is_gone:
            return _GONE
        if self._is_whole:
            # Who asks on wants to know when the client goes, which may be never.
            return await self._receive()
        share = self._share or self._enter()
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._task = asyncio.current_task(loop)
        self._bodies.deadlines.begin(self, began + self._patience_s())
        share.begin_wait(self)
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if not self._is_gone:
                raise
            await asyncio.sleep(_LETTING_GO_S)
            return _GONE
        finally:
            share.end_wait(self)
            self._bodies.deadlines.end(self)
        self._waited_s += loop.time() - began
        self._take(share, len(message.get("body", b"")))
        self._is_whole = not message.get("more_body", False)
        return message

    def give_up(self) -> None:
        """Treats the client as one that has hung up."""
        self.end()
        self._is_gone = True
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """Gives the place back."""
        if self._share is not None:
            self._share.leave(self)

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

    def _enter(self) -> Share:
        share = self._bodies.choose_share(self._path)
        # A body that is refused is read no further.
        self._is_gone = True
        share.enter(self)
        self._is_gone = False
        self._share = share
        return share

    def _take(self, share: Share, size: int) -> None:
        self._size += size
        if _UPLOADS not in self._path:
            self._is_gone = True
            share.keep(self, size)
            self._is_gone = False

    def _patience_s(self) -> float:
        limits = self._bodies.limits
        earned_s = self._size / limits.body_rate - self._waited_s
        return limits.body_silence_s + min(0.0, earned_s)
