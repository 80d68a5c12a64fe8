"""The client of outgoing HTTP: requests with a body under its rule, bounded in time and bytes.

Each request resolves the name, checks all its addresses, and connects to a checked address, not to the name:
a second resolution could differ (DNS rebinding). Redirects are answers like any other and are not followed.
No proxy of the environment is used: it would connect to addresses that were not checked.
"""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from .answer import MAX_HEAD, Answer, read_answer
from .errors import OutgoingFailed, OutgoingRefused
from .resolver import resolve
from .rule import OutgoingRule
from .target import Target, parse_target
from .trust import make_context

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_LIMIT_S = 15.0
# The client writes these itself: another value could change where a request ends.
_OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "via"})
# Says that a program forwarded the request: an emulator on loopback would else take it for the operator's.
VIA = "1.1 gcr-emulator"


class OutgoingClient:
    """Sends requests under one rule; belongs to the event loop of its first request."""

    def __init__(
        self,
        rule: OutgoingRule,
        *,
        resolve: Resolve = resolve,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._rule, self._resolve, self._environ = rule, resolve, environ
        self._context: ssl.SSLContext | None = None

    async def check(self, url: str, *, limit_s: float = _LIMIT_S) -> None:
        """Raises OutgoingRefused for a URL that post would refuse, OutgoingFailed for an unknown host."""
        target = parse_target(url)
        try:
            await asyncio.wait_for(self._find_addresses(target), limit_s)
        except asyncio.TimeoutError as error:
            _raise_late(target, limit_s, error)

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, limit_s: float = _LIMIT_S
    ) -> Answer:
        """Sends a POST; returns the answer if its last byte comes within the limit. Raises OutgoingError."""
        return await self._send("POST", url, headers, body, limit_s)

    async def put(
        self, url: str, headers: Mapping[str, str], body: bytes, *, limit_s: float = _LIMIT_S
    ) -> Answer:
        """Sends a PUT, as `post` sends a POST."""
        return await self._send("PUT", url, headers, body, limit_s)

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, limit_s: float
    ) -> Answer:
        target = parse_target(url)
        head = _format_head(method, target, headers, len(body))
        try:
            return await asyncio.wait_for(self._exchange(target, head + body), limit_s)
        except asyncio.TimeoutError as error:
            _raise_late(target, limit_s, error)

    async def _exchange(self, target: Target, request: bytes) -> Answer:
        addresses = await self._find_addresses(target)
        reader, writer = await self._connect(target, addresses)
        try:
            writer.write(request)
            # A receiver may answer, and close, before it has read all of the request.
            with suppress(ConnectionError):
                await writer.drain()
            return await read_answer(reader)
        except OSError as error:
            raise OutgoingFailed(f"{target.authority} closed the connection") from error
        finally:
            # Not close(): TLS would wait for the receiver's last record.
            writer.transport.abort()

    async def _find_addresses(self, target: Target) -> Sequence[str]:
        addresses = await self._resolve(target.host, target.port)
        self._rule.check(target, addresses)
        return addresses

    async def _connect(
        self, target: Target, addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context, name = None, None
        if target.scheme == "https":
            self._context = context = self._context or make_context(self._environ)
            name = target.host
        reason: OSError | None = None
        for address in addresses:
            try:
                return await asyncio.open_connection(
                    address, target.port, ssl=context, server_hostname=name, limit=MAX_HEAD
                )
            except ssl.SSLCertVerificationError as error:
                raise OutgoingFailed(
                    f"the certificate of {target.authority} is not valid ({error.verify_message}): "
                    "set SSL_CERT_FILE to its authority"
                ) from error
            except OSError as error:
                reason = error
        raise OutgoingFailed(f"cannot connect to {target.authority}") from reason


def _raise_late(target: Target, limit_s: float, error: Exception) -> NoReturn:
    raise OutgoingFailed(f"{target.authority} has not answered within {limit_s:g} seconds") from error


def _format_head(method: str, target: Target, headers: Mapping[str, str], size: int) -> bytes:
    """Returns the request up to its body. Raises OutgoingRefused for a header that would add another."""
    fields = {
        "Host": target.authority,
        "Content-Length": str(size),
        "Connection": "close",
        "Via": VIA,
    }
    for name, value in headers.items():
        if name.lower() in _OWN_HEADERS or not is_header(name, value):
            raise OutgoingRefused(f"the header {name[:40]!r} cannot be sent")
    lines = [
        f"{method} {target.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in {**fields, **headers}.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def is_header(name: str, value: str) -> bool:
    """Returns whether a request can have the header: nothing in it ends the line."""
    is_name = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return is_name and all(" " <= character <= "~" for character in value)
