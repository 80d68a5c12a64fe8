"""Connections to upstreams, by aiohttp; the only module that knows it.

Why aiohttp: it is kept well, its resolver is a documented seam, and its parser is written in C. It reads a
body of 400 MiB on loopback at 1650 MiB/s (0.45 CPU s/GiB, two cores, uvloop); httpx 0.28, which has had no
release since 2024, and its successor httpx2 at 550 (1.65). aiohttp brings seven small packages, httpx2 three.

What it is told, and why:

    resolver=                 an address is checked when the connection is made, and the connection goes to it
    no DNS cache              each connection resolves and checks again
    trust_env=False           no proxy and no password of the environment
    allow_redirects=False     redirects.py decides about each
    auto_decompress=False     digests are of the bytes as they come, and a bomb stays small
    DummyCookieJar            an upstream's cookies are not kept

It does not count interim answers (100 Continue): an upstream that sends nothing else, as fast as it can,
costs up to 130 MiB and the event loop's time until the request's limit. The client of webhooks and pushes
(emulator/outgoing) has its own reader: it takes 102 for an answer, as Pub/Sub does, and counts the others.
https://docs.aiohttp.org/en/stable/client_reference.html
"""

import asyncio
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.outgoing.client import VIA, Resolve
from docker_credential_gcr.emulator.outgoing.errors import OutgoingError, OutgoingRefused
from docker_credential_gcr.emulator.outgoing.resolver import resolve
from docker_credential_gcr.emulator.outgoing.target import Target
from docker_credential_gcr.emulator.outgoing.trust import make_context

from .errors import UpstreamCut, UpstreamError, UpstreamMismatch, UpstreamTimeout, UpstreamUnreachable

# Raises OutgoingRefused for an address that a target may not have.
Check = Callable[[Target, Sequence[str]], None]
_CONNECTIONS = 256
_CONNECT_S = 5.0
# An upstream is silent after that long without a byte; in twice that time it must have sent 1 KiB a second.
SILENCE_S = 30.0
_RATE = 1024
# A body below 10,000 bytes is read so that its connection can be used again.
_SHORT_DIGITS = 4
_OWN = {
    "User-Agent": f"gcr-emulator/{__version__}",
    "Via": VIA,
    "Accept-Encoding": "identity",
}


class UpstreamResponse:
    """A response whose body is still to come; names of headers are in lower case."""

    def __init__(self, target: Target, response: aiohttp.ClientResponse, silence_s: float) -> None:
        self.target, self.url = target, format_url(target)
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self.challenges: Sequence[str] = response.headers.getall("WWW-Authenticate", [])
        self._response, self._silence_s = response, silence_s

    async def iterate(self) -> AsyncIterator[bytes]:
        """Yields the body as it comes. Raises UpstreamCut if it ends early, UpstreamTimeout if it is slow.

        The time in which the caller reads nothing does not count.
        """
        content, waited_s, size = self._response.content, 0.0, 0
        try:
            while True:
                began = time.monotonic()
                if not (data := await content.readany()):
                    return
                waited_s, size = waited_s + time.monotonic() - began, size + len(data)
                if waited_s > 2 * self._silence_s and size < _RATE * waited_s:
                    raise asyncio.TimeoutError
                yield data
        except asyncio.TimeoutError as error:
            raise UpstreamTimeout(self.url, is_connected=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamCut(self.url) from error

    async def read(self, size: int) -> bytes:
        """Returns the whole body. Raises UpstreamMismatch for more than `size` bytes, and for an encoding.

        The caller limits the time.
        """
        if self.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise UpstreamMismatch(self.url, "the answer is encoded, which was not asked for")
        body = bytearray()
        try:
            while data := await self._response.content.readany():
                body += data
                if len(body) > size:
                    raise UpstreamMismatch(self.url, f"the answer has more than {size} bytes")
        except asyncio.TimeoutError as error:
            raise UpstreamTimeout(self.url, is_connected=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamCut(self.url) from error
        return bytes(body)

    async def discard(self) -> None:
        """Ends the response; keeps the connection if what is left of it is short."""
        length = self.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(length) <= _SHORT_DIGITS:
            with suppress(UpstreamError):
                await self.read(10**_SHORT_DIGITS)
        self.close()

    def close(self) -> None:
        """Frees the connection: for the next request if the body was read to its end."""
        self._response.close()


class UpstreamConnections:
    """Opens and keeps checked connections; belongs to the event loop of its first request."""

    def __init__(
        self,
        check: Check,
        *,
        resolve: Resolve = resolve,
        environ: Mapping[str, str] = os.environ,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._check, self._environ, self._silence_s = check, environ, silence_s
        self._resolver = _CheckedResolver(check, resolve)
        self._session: aiohttp.ClientSession | None = None

    async def open(self, method: str, target: Target, headers: Mapping[str, str]) -> UpstreamResponse:
        """Sends a request without a body; returns the response once its headers are there.

        Raises UpstreamUnreachable, UpstreamTimeout, UpstreamCut and UpstreamMismatch; OutgoingRefused for a
        forbidden address. The caller limits the time of the headers.
        """
        session = self._session = self._session or self._make_session()
        url = format_url(target)
        self._check_literal(target)
        try:
            response = await session.request(
                method,
                URL(f"{target.scheme}://{target.authority}{target.path}", encoded=True),
                headers=headers,
                allow_redirects=False,
            )
        except OutgoingError:
            raise
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise _translate(url, error) from error
        return UpstreamResponse(target, response, self._silence_s)

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _check_literal(self, target: Target) -> None:
        """Checks a host that is an address, or looks like one: aiohttp asks its resolver for names only."""
        if ":" not in target.host and not target.host.replace(".", "").isdigit():
            return
        try:
            address = ipaddress.ip_address(target.host)
        except ValueError as error:  # such as 127.1
            raise OutgoingRefused("the host is not a valid address") from error
        self._check(target, [str(address)])

    def _make_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            use_dns_cache=False,
            limit=_CONNECTIONS,
            ssl=make_context(self._environ),
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers=_OWN,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=self._silence_s),
        )


class _CheckedResolver(AbstractResolver):
    """Resolves a name, and returns its addresses only if the server may connect to each of them."""

    def __init__(self, check: Check, resolve: Resolve) -> None:
        self._check, self._resolve = check, resolve

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - all addresses are checked
    ) -> list[ResolveResult]:
        found = await self._resolve(host, port)
        self._check(Target("http", host, port, ""), found)
        return [_format_address(host, port, text) for text in found]

    async def close(self) -> None:
        """Has nothing to close."""


def _format_address(host: str, port: int, text: str) -> ResolveResult:
    version = ipaddress.ip_address(text).version
    return ResolveResult(
        hostname=host,
        host=text,
        port=port,
        family=socket.AF_INET6 if version == 6 else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST,
    )


def format_url(target: Target) -> str:
    """Returns the URL without its query, which can hold a signature."""
    return f"{target.scheme}://{target.authority}{target.path.partition('?')[0]}"


def _translate(url: str, error: Exception) -> UpstreamError:
    """Returns the upstream's error for one of aiohttp's."""
    if isinstance(error, asyncio.TimeoutError):
        return UpstreamTimeout(url, is_connected=not isinstance(error, aiohttp.ConnectionTimeoutError))
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "")
        return UpstreamUnreachable(
            url, f"the certificate is not valid ({reason}): set SSL_CERT_FILE to its authority"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return UpstreamUnreachable(url, "cannot connect")
    if isinstance(error, aiohttp.ClientResponseError):
        return UpstreamMismatch(url, "the answer is not HTTP, or its headers are too large")
    if isinstance(error, ssl.SSLError):
        return UpstreamUnreachable(url, "TLS fails")
    return UpstreamCut(url)
