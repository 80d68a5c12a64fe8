"""Bodies of requests: how many arrive at once, how much of them is kept, and how long each may take.

The rest of a body that the application has not read is read after the answer. Otherwise Granian resets the
HTTP/2 stream, or closes the HTTP/1.1 connection, and the kernel resets that because of the unread bytes. A
reset can arrive before the answer: the client of a refused push then sees a protocol error or a broken pipe
instead of a status. https://www.rfc-editor.org/rfc/rfc9112#section-9.6
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from docker_credential_gcr.emulator.request_context import CURRENT, CurrentRequest
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.runtime.errors import TooManyRequests
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.sites.hosts import REGISTRY_PATHS

from .deadlines import Deadlines, Wait

# Requests that have a body only where a header says so.
_WITHOUT_BODY = frozenset({"DELETE", "GET", "HEAD"})
# What is sent there goes to a file while it arrives.
_UPLOADS = b"/blobs/uploads/"
_GONE = {"type": "http.disconnect"}
# Granian's threads let go of a body that nobody waits for any more within so long. Answered before
# that, three connections in ten were never closed, on a busy machine; after it none.
_LETTING_GO_S = 0.1
# After the answer the rest of a body is read for no longer: the client has had time to read the answer.
_LINGER_S = 5.0
_RETRY_AFTER_S = 1
# Until the application reads: the observer, which begins the request, is an inner layer.
_UNKNOWN = CurrentRequest()


class BodyQuota:
    """At most `count` bodies at once, of which `size` bytes are kept.

    With `gives_up_silent`, a full share gives up the body of the client that has been silent the longest.
    """

    def __init__(self, count: int, size: int, *, gives_up_silent: bool = False) -> None:
        self._count = count
        self._left = size
        self._gives_up_silent = gives_up_silent
        # body -> the bytes of it that are kept
        self._kept: dict[Wait, int] = {}
        # The bodies whose clients the server waits for, the longest wait first.
        self._waiting: dict[Wait, None] = {}

    def enter(self, body: Wait) -> None:
        """Gives the body a place. Raises TooManyRequests."""
        while len(self._kept) >= self._count:
            self._make_room()
        self._kept[body] = 0

    def leave(self, body: Wait) -> None:
        """Takes the body's place back, and the bytes that are kept of it."""
        self._left += self._kept.pop(body, 0)

    def keep(self, body: Wait, size: int) -> None:
        """Counts that many more bytes of the body as kept, until it leaves. Raises TooManyRequests."""
        if body not in self._kept:  # it was given up
            return
        while self._left < size:
            self._make_room()
        self._left -= size
        self._kept[body] += size

    def begin_wait(self, body: Wait) -> None:
        """Notes that the server waits for the body's client."""
        self._waiting[body] = None

    def end_wait(self, body: Wait) -> None:
        """Notes that the server waits for the body's client no longer."""
        self._waiting.pop(body, None)

    def _make_room(self) -> None:
        if not self._gives_up_silent or not self._waiting:
            raise TooManyRequests("too many requests with bodies at once", _RETRY_AFTER_S)
        longest = next(iter(self._waiting))
        del self._waiting[longest]
        longest.give_up()


class BodyLimits:
    """The requests whose bodies are being read.

    Pushes have a share of their own: a request to the registry, by a client that has shown a valid
    credential. All other bodies are small, and no credential precedes many of them: where their share is
    full, the client that has been silent for longest is treated as one that has hung up.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.deadlines = Deadlines()
        self._pushes = BodyQuota(limits.bodies, limits.bodies_size)
        self._others = BodyQuota(limits.other_bodies, limits.bodies_size, gives_up_silent=True)

    def wrap(self, app: App) -> App:
        """Returns `app` behind the bounds: its `receive` raises TooManyRequests where there are too many."""

        # No coroutine of its own for what has no body: every request would pay for it.
        def bounded(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            left: int | None = 0 if scope["method"] in _WITHOUT_BODY else None
            is_awaited = False
            for name, value in scope["headers"]:
                if name == b"content-length":
                    left = int(value)
                elif name == b"transfer-encoding":
                    left = None
                elif name == b"expect":
                    is_awaited = True
            return app(scope, receive, send) if left == 0 else take(scope, receive, send, left, is_awaited)

        async def take(
            scope: Message, receive: Receive, send: Send, left: int | None, is_awaited: bool
        ) -> None:
            body = _Body(self, receive, scope["raw_path"], left)
            try:
                await app(scope, body.receive, send)
            finally:
                body.end()
            # A client that expects 100 sends no body before it is told to, and none after a refusal.
            # https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
            if not is_awaited and not body.is_read:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(body.read_rest(), _LINGER_S)

        return bounded

    def choose_quota(self, path: bytes, member: str | None) -> BodyQuota:
        """Returns the share of a request to that path; None is a client without a valid credential."""
        return self._pushes if path.startswith(REGISTRY_PATHS) and member is not None else self._others


class _Body:
    """One body that has to come at a pace; only the time spent waiting for the client counts.

    A client that falls silent, or sends less than the limits' rate, is treated as one that has
    hung up: `receive` gives http.disconnect.
    """

    __slots__ = (
        "_bodies",
        "_is_whole",
        "_left",
        "_path",
        "_quota",
        "_receive",
        "_request",
        "_size",
        "_task",
        "_waited_s",
    )  # fmt: skip

    def __init__(self, bodies: BodyLimits, receive: Receive, path: bytes, left: int | None) -> None:
        self._bodies = bodies
        self._receive = receive
        self._path = path
        # Of the size that was announced.
        self._left = left
        self._request = _UNKNOWN
        self._quota: BodyQuota | None = None
        self._task: asyncio.Task[object] | None = None
        self._waited_s = 0.0
        self._size = 0
        self._is_whole = False

    @property
    def _is_gone(self) -> bool:
        return self._request.ends_connection

    @property
    def is_read(self) -> bool:
        """Whether nothing of it is left to read."""
        # Granian tells of the body's end in a message of its own, for which a thread must be waited.
        return self._is_gone or self._is_whole or self._left == 0

    async def receive(self) -> Message:
        """Returns the next message; http.disconnect once the client is too slow. Raises TooManyRequests."""
        if self._is_gone:
            return _GONE
        if self._is_whole:
            # Who asks on wants to know when the client goes, which may be never.
            return await self._receive()
        quota = self._quota or self._enter()
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._task = asyncio.current_task(loop)
        self._bodies.deadlines.begin(self, began + self._patience_s())
        quota.begin_wait(self)
        try:
            size = len((message := await self._next()).get("body", b""))
        except asyncio.CancelledError:
            if not self._is_gone:
                raise
            await asyncio.sleep(_LETTING_GO_S)
            return _GONE
        finally:
            quota.end_wait(self)
            self._bodies.deadlines.end(self)
        self._waited_s += loop.time() - began
        self._request.answer.received += size
        self._take(quota, size)
        return message

    async def read_rest(self) -> None:
        """Reads what the application left, and throws it away."""
        while not self.is_read:
            await self._next()

    def give_up(self) -> None:
        """Treats the client as one that has hung up."""
        self.end()
        self._request.ends_connection = True
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """Gives the place back."""
        if self._quota is not None:
            self._quota.leave(self)

    async def _next(self) -> Message:
        message = await self._receive()
        self._is_whole = not message.get("more_body", False)
        if self._left is not None:
            self._left -= len(message.get("body", b""))
        return message

    def _enter(self) -> BodyQuota:
        self._request = CURRENT.get() or CurrentRequest()
        quota = self._bodies.choose_quota(self._path, self._request.member)
        # A body that is refused is read no further.
        self._request.ends_connection = True
        quota.enter(self)
        self._request.ends_connection = False
        self._quota = quota
        return quota

    def _take(self, quota: BodyQuota, size: int) -> None:
        self._size += size
        if _UPLOADS not in self._path:
            self._request.ends_connection = True
            quota.keep(self, size)
            self._request.ends_connection = False

    def _patience_s(self) -> float:
        limits = self._bodies.limits
        earned_s = self._size / limits.body_rate - self._waited_s
        return limits.body_silence_s + min(0.0, earned_s)
