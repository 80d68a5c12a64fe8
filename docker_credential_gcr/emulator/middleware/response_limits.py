"""Response limits: how many bytes of responses in memory wait for clients, and for how long.

Granian takes a whole response at once, however slowly the client reads; of one in blocks it buffers only a
few. So a large response is sent in blocks, and counts until Granian has taken the last one.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Generator

from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.runtime.errors import TooManyRequests
from docker_credential_gcr.emulator.settings import Limits

from .deadlines import Deadlines

# A response up to this size is sent whole.
_LARGE = 16 * 1024
# hyper keeps at most sixteen unsent blocks of a connection: 128 KiB.
_BLOCK = 8 * 1024
_RETRY_AFTER_S = 1
# A folder with the numbers of the process's file descriptors.
_DESCRIPTORS = "/dev/fd"

Refuse = Callable[[TooManyRequests, Message, Receive, Send], Awaitable[None]]


class _Done:
    """An awaitable that is done: cheaper than a coroutine."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_DONE = _Done()


class ResponseLimits:
    """Limits of the large responses that are being sent."""

    def __init__(self, limits: Limits, refuse: Refuse) -> None:
        """`refuse` answers a request that exceeds a limit, in the form of its site's errors."""
        self._limits = limits
        self._refuse = refuse
        self._left = limits.answers_size
        self._deadlines = Deadlines()

    def wrap(self, app: App) -> App:
        """Returns `app` behind the limit: its `send` raises TooManyRequests if too many bytes wait.

        If `app` does not catch it, the request is refused here.
        """

        async def bounded(scope: Message, receive: Receive, send: Send) -> None:
            start: Message | None = None

            def send_bounded(message: Message) -> Awaitable[None]:
                nonlocal start
                if message["type"] == "http.response.start":
                    if not _is_large(message):
                        return send(message)
                    # Not sent yet, because the response may have to become a refusal.
                    start = message
                    return _DONE
                if start is None:
                    return send(message)
                begun, start = start, None
                return self._send_large(scope, begun, message, send)

            try:
                await app(scope, receive, send_bounded)
            except TooManyRequests as error:
                await self._refuse(error, scope, receive, send)

        return bounded

    async def _send_large(self, scope: Message, start: Message, message: Message, send: Send) -> None:
        body = message.get("body", b"")
        # HEAD, a file, or a response that is in blocks already.
        if len(body) <= _LARGE or message.get("more_body", False):
            await send(start)
            await send(message)
            return
        # A response larger than the limit is sent while no other one waits.
        if self._left < min(len(body), self._limits.answers_size):
            raise TooManyRequests("too many bytes wait for clients that do not read them", _RETRY_AFTER_S)
        self._left -= len(body)
        try:
            await send(start)
            response = _LargeResponse(self._deadlines, self._limits.answer_silence_s, scope["client"])
            await response.send(body, send)
        finally:
            self._left += len(body)


class _LargeResponse:
    """One large response; a client that takes no block for too long is disconnected."""

    def __init__(self, deadlines: Deadlines, silence_s: float, client: tuple[str, object]) -> None:
        self._deadlines = deadlines
        self._silence_s = silence_s
        self._client = client
        self._task: asyncio.Task[object] | None = None
        self._is_gone = False

    async def send(self, body: bytes, send: Send) -> None:
        """Sends the body, unless the client is too slow."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(loop)
        try:
            for offset in range(0, len(body), _BLOCK):
                self._deadlines.begin(self, loop.time() + self._silence_s)
                block = body[offset : offset + _BLOCK]
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except asyncio.CancelledError:
            if not self._is_gone:
                raise
            await asyncio.to_thread(_end_connection, self._client)
        finally:
            self._deadlines.end(self)

    def give_up(self) -> None:
        """Treats the client as disconnected."""
        self._is_gone = True
        if self._task is not None:
            self._task.cancel()


def _is_large(start: Message) -> bool:
    """Returns whether Content-Length, in most responses the last header, is large."""
    for name, value in reversed(start["headers"]):
        if name == b"content-length":
            return len(value) >= 5 and int(value) > _LARGE
    return False


def _end_connection(client: tuple[str, object]) -> None:
    """Shuts down this process's connection to the client's address and port, which Granian does not expose.

    Granian passes the port as a string.
    """
    address, port = client
    for name in os.listdir(_DESCRIPTORS):
        try:
            # A duplicate descriptor: no other thread closes it, so its number cannot be reused meanwhile.
            connection = socket.socket(fileno=os.dup(int(name)))
        except OSError:  # closed meanwhile, or not a socket
            continue
        with connection:
            try:
                found = connection.getpeername()
                if found and found[:2] == (address, int(str(port))):
                    connection.shutdown(socket.SHUT_RDWR)
                    return
            except OSError:  # not connected
                continue
