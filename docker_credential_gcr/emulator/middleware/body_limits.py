"""Request body limits: how many arrive at once, how many bytes are in memory, and how long each may take.

After the response the rest of an unread body is read and discarded. Otherwise Granian resets the HTTP/2
stream, or closes the HTTP/1.1 connection, which the kernel then resets because of the unread bytes. A reset
can arrive before the response: the client of a refused push sees a protocol error or a broken pipe instead of
a status. https://www.rfc-editor.org/rfc/rfc9112#section-9.6
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

# Methods whose requests have a body only if a header announces one.
_WITHOUT_BODY = frozenset({"DELETE", "GET", "HEAD"})
# Bodies of this path are written to the blob store while they arrive, so they do not count as memory.
_UPLOADS = b"/blobs/uploads/"
_GONE = {"type": "http.disconnect"}
# Granian's threads release a body within this time after its reader was cancelled. With responses sent
# earlier, three connections in ten were never closed on a busy machine; with later ones none.
_RELEASE_S = 0.1
# The rest of a body is read for at most this time after the response: enough for the client to read that.
_LINGER_S = 5.0
_RETRY_AFTER_S = 1
# Used until the application reads: an inner layer, the observer, creates the current request.
_UNKNOWN = CurrentRequest()


class BodyQuota:
    """At most `count` bodies at once, with at most `size` bytes in memory.

    With `drops_silent`, a full quota drops the body of the client that has been silent for the longest time.
    """

    def __init__(self, count: int, size: int, *, drops_silent: bool = False) -> None:
        self._count = count
        self._left = size
        self._drops_silent = drops_silent
        # body -> its bytes in memory
        self._sizes: dict[Wait, int] = {}
        # The bodies whose clients the server waits for, in the order in which the waits began.
        self._waiting: dict[Wait, None] = {}

    def enter(self, body: Wait) -> None:
        """Counts the body. Raises TooManyRequests."""
        while len(self._sizes) >= self._count:
            self._drop_silent_client()
        self._sizes[body] = 0

    def leave(self, body: Wait) -> None:
        """Removes the body and its bytes from the quota."""
        self._left += self._sizes.pop(body, 0)

    def add(self, body: Wait, size: int) -> None:
        """Counts so many more bytes of the body as memory, until it leaves. Raises TooManyRequests."""
        if body not in self._sizes:  # it was dropped
            return
        while self._left < size:
            self._drop_silent_client()
        self._left -= size
        self._sizes[body] += size

    def begin_wait(self, body: Wait) -> None:
        """Records that the server waits for the body's client."""
        self._waiting[body] = None

    def end_wait(self, body: Wait) -> None:
        """Records that the wait has ended."""
        self._waiting.pop(body, None)

    def _drop_silent_client(self) -> None:
        if not self._drops_silent or not self._waiting:
            raise TooManyRequests("too many requests with bodies at once", _RETRY_AFTER_S)
        longest = next(iter(self._waiting))
        del self._waiting[longest]
        longest.give_up()


class BodyLimits:
    """Limits of the request bodies that are being read.

    Pushes, which are requests to the registry with a valid credential, have a separate quota. All other
    bodies are small, and many come without a credential: if their quota is full, the client that has been
    silent for the longest time is treated as disconnected.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.deadlines = Deadlines()
        self._pushes = BodyQuota(limits.bodies, limits.bodies_size)
        self._others = BodyQuota(limits.other_bodies, limits.bodies_size, drops_silent=True)

    def wrap(self, app: App) -> App:
        """Returns `app` behind the limits: its `receive` raises TooManyRequests."""

        # A plain function: without a body no coroutine is needed, and each would cost every request.
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
            # A client that sends Expect: 100-continue sends no body before a 100, and none after a refusal.
            # https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
            if not is_awaited and not body.is_read:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(body.read_rest(), _LINGER_S)

        return bounded

    def choose_quota(self, path: bytes, member: str | None) -> BodyQuota:
        """Returns the quota of a request to that path; `member` is None without a valid credential."""
        return self._pushes if path.startswith(REGISTRY_PATHS) and member is not None else self._others


class _Body:
    """One body with a minimum rate; only the time that the server waits for the client counts.

    A client that is silent for too long, or slower than the rate, is treated as disconnected: `receive`
    returns http.disconnect.
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
        # Bytes of the announced size that have not arrived; None if no size was announced.
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
        """Returns whether nothing is left to read."""
        # Granian sends the end of a body as a separate message, from a thread: not worth the wait.
        return self._is_gone or self._is_whole or self._left == 0

    async def receive(self) -> Message:
        """Returns the next message; http.disconnect for a client that is too slow. Raises TooManyRequests."""
        if self._is_gone:
            return _GONE
        if self._is_whole:
            # The application waits for the client's disconnection, which may never come: no deadline.
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
            await asyncio.sleep(_RELEASE_S)
            return _GONE
        finally:
            quota.end_wait(self)
            self._bodies.deadlines.end(self)
        self._waited_s += loop.time() - began
        self._request.answer.received += size
        self._take(quota, size)
        return message

    async def read_rest(self) -> None:
        """Reads and discards what the application has not read."""
        while not self.is_read:
            await self._next()

    def give_up(self) -> None:
        """Treats the client as disconnected."""
        self.end()
        self._request.ends_connection = True
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """Frees the body's part of the quota."""
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
        # If the quota refuses the body, it is read no further, so the connection cannot be used again.
        self._request.ends_connection = True
        quota.enter(self)
        self._request.ends_connection = False
        self._quota = quota
        return quota

    def _take(self, quota: BodyQuota, size: int) -> None:
        self._size += size
        if _UPLOADS not in self._path:
            self._request.ends_connection = True
            quota.add(self, size)
            self._request.ends_connection = False

    def _patience_s(self) -> float:
        limits = self._bodies.limits
        earned_s = self._size / limits.body_rate - self._waited_s
        return limits.body_silence_s + min(0.0, earned_s)
