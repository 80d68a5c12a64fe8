"""Registry requests and responses as values, over plain ASGI."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs

from docker_credential_gcr.emulator.runtime.asgi import Message, Receive, Send
from docker_credential_gcr.emulator.runtime.blocks import send_blocks
from docker_credential_gcr.emulator.sites.ports import PORT_SITE

# A push by digest may have many tags; all other requests have a few parameters.
_PARAMETERS = 200
# https://www.rfc-editor.org/rfc/rfc9110#section-8.6
_WITHOUT_BODY = (204, 304)


class BodyIncomplete(Exception):
    """The client disconnected, or was treated as disconnected, before its body was complete."""


class QueryTooLong(Exception):
    """The query has more parameters than any request needs."""


class BodyTooLarge(Exception):
    """The body has more bytes than this resource accepts."""


class Request:
    """An HTTP request; header names are in lower case, `path` is not decoded."""

    def __init__(self, scope: Message, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("latin-1")
        self.query_string: str = scope["query_string"].decode("latin-1")
        self.scheme: str = scope["scheme"]
        self.headers: Mapping[str, str] = _read_headers(scope["headers"])
        self.host = self.headers.get("host", "")
        # Chooses the site: a port with a site overrides Host. Responses name the client's host.
        self.site_host = scope.get(PORT_SITE) or self.host
        # Artifact Registry answers for a gcr.io name.
        self.is_redirected = False
        self.receive = receive
        self._query: Mapping[str, list[str]] | None = None if self.query_string else {}
        announced = self.headers.get("content-length")
        self._left = int(announced) if announced is not None else None
        self._more = True

    @property
    def query(self) -> Mapping[str, list[str]]:
        """Returns the query's parameters, blank values included. Raises QueryTooLong."""
        if self._query is None:
            self._query = _parse_query(self.query_string)
        return self._query

    def parameter(self, name: str) -> str | None:
        """Returns the last value of the query's parameter, or None."""
        values = self.query.get(name)
        return values[-1] if values else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields the unread rest of the body as it arrives. Raises BodyIncomplete."""
        while self._has_more():
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self._more = False
                raise BodyIncomplete
            body = message.get("body", b"")
            if self._left is not None:
                self._left -= len(body)
            self._more = message.get("more_body", False)
            if body:
                yield body

    def _has_more(self) -> bool:
        # Granian sends the end of a body as a separate message, from a thread: not worth the wait.
        return self._more and self._left != 0

    async def body(self, limit: int) -> bytes:
        """Returns the whole body. Raises BodyTooLarge for more than `limit` bytes, BodyIncomplete."""
        if int(self.headers.get("content-length", 0)) > limit:
            raise BodyTooLarge
        parts, size = [], 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge
            parts.append(chunk)
        return b"".join(parts)


@dataclass(frozen=True)
class StoredBody:
    """A response's body: blocks of a blob in the blob store, and the sum of their sizes."""

    blocks: AsyncGenerator[bytes, None]
    size: int


class Response:
    """An HTTP response; `send_response` adds Content-Length, except to 204 and 304."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes | StoredBody = b""
    ) -> None:
        self.status = status
        self.headers = headers or {}
        self.body = body


async def send_response(
    response: Response,
    receive: Receive,
    send: Send,
    common: Sequence[tuple[bytes, bytes]] = (),
    *,
    headers_only: bool,
) -> None:
    """Sends a response with the `common` headers; with `headers_only` (HEAD) without the body."""
    body = response.body
    size = len(body) if isinstance(body, bytes) else body.size
    headers = [(_encode_name(name), value.encode()) for name, value in response.headers.items()]
    headers.extend(common)
    if response.status not in _WITHOUT_BODY:
        headers.append((b"content-length", str(size).encode()))
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    if headers_only or isinstance(body, bytes):
        await send(start)
        await send({"type": "http.response.body", "body": b"" if headers_only else body})
    else:
        await send_blocks(start, body.blocks, receive, send)


@lru_cache(256)
def _encode_name(name: str) -> bytes:
    return name.lower().encode()


def _read_headers(pairs: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Returns the headers by name; repeated ones are joined with commas."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if len(headers) != len(pairs):
        for name in headers:
            wanted = name.encode("latin-1")
            headers[name] = ",".join(value.decode("latin-1") for other, value in pairs if other == wanted)
    return headers


def _parse_query(text: str) -> Mapping[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=_PARAMETERS)
    except ValueError as error:
        raise QueryTooLong from error
