"""Listening sockets, and the ASGI servers on them: the only module that uses Granian (2.8.7).

Granian binds with SO_REUSEPORT, does not report the port that 0 became, and forks workers that outlive it. So
this module binds the sockets, and runs Granian's embedded server in this process.
"""

import asyncio
import errno
import ipaddress
import math
import os
import socket
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.settings import Limits, Settings
from docker_credential_gcr.emulator.sites.ports import PORT_SITE

_BACKLOG = 1024
# Granian's default is 16 MiB a request. For HTTP/1 the limit is its buffer, 417,792 bytes, or up to twice
# that. The buffer also holds chunks of uploads: with one of 64 KiB they took half as long again.
_BUFFER_SIZE = 417_792
# To an object store uploads are not faster with larger chunks, of which each holds three or four in memory.
_STORE_BUFFER_SIZE = 128 * 1024
_HTTP2_HEADERS_SIZE = 256 * 1024
# Bytes of a response that the kernel buffers for a slow client; its default is megabytes.
_UNSENT_SIZE = 128 * 1024
# Bytes of a response that Granian buffers for each HTTP/2 stream of a client that does not read.
_HTTP2_UNSENT_SIZE = 16 * 1024
_HTTP2_STREAMS = 100
# A silent HTTP/2 connection gets a PING, and is closed if no acknowledgement comes.
_PING_MS = 30_000
_PING_TIMEOUT_S = 20
# Time for requests in progress when the server stops.
_GRACE_S = 1.0


class CannotListen(Exception):
    """The server cannot listen on the address, or cannot use the certificate."""


class AddressInUse(CannotListen):
    """Another program listens on the address."""


class CertificateError(CannotListen):
    """The certificate or its key cannot be used for TLS."""


@dataclass(frozen=True)
class TlsIdentity:
    """Files of the server's certificate and key, and of the authority if it is the emulator's own."""

    certificate: Path
    key: Path
    ca: Path | None = None


def bind(host: str, port: int) -> socket.socket:
    """Returns a socket that listens on the address; port 0 picks a free one. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        address = format_address(host, port)
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"cannot listen on {address}: address in use") from error
        raise CannotListen(f"cannot listen on {address}: {error.strerror or error}") from error
    except OverflowError as error:
        raise CannotListen(f"cannot listen on {format_address(host, port)}: no such port") from error


def is_loopback(host: str) -> bool:
    """Returns whether only this machine reaches the host. Raises CannotListen if it has no address."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # IDNA refuses a label over 63 letters
        raise CannotListen(f"cannot listen on {host}: {getattr(error, 'strerror', error)}") from error
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def format_address(host: str, port: int) -> str:
    """Returns host:port, with brackets around a host with colons."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True)
class ListeningSocket:
    """A listening socket: with an identity it speaks TLS, with a site it serves that host only."""

    listening: socket.socket
    identity: TlsIdentity | None = None
    site: str | None = None


class Listener:
    """Serves an application on every socket, in the event loop that calls it."""

    def __init__(self, app: App, sockets: Sequence[ListeningSocket], settings: Settings) -> None:
        self._servers = [
            _EmbeddedServer(_set_site(each.site, app) if each.site else app, each, settings, len(sockets))
            for each in sockets
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set; requests in progress get a second to end."""
        serving = {asyncio.ensure_future(server.serve()) for server in self._servers}
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({*serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for server in self._servers:
            server.stop()  # type: ignore[no-untyped-call]
        done, hanging = await asyncio.wait(serving, timeout=_GRACE_S)
        for task in hanging:
            task.cancel()
        # Raises the error of a server that ended by itself.
        for task in done:
            task.result()


def _limit_unread(listening: socket.socket, limits: Limits) -> None:
    """Limits the kernel's buffer for clients that do not read, and its time; connections inherit both."""
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_SIZE)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        silence_ms = math.ceil(limits.answer_silence_s * 1000)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, silence_ms)


class _EmbeddedServer(Server):
    """Granian's embedded server on a socket of ours.

    Without TLS it speaks HTTP/1.1 only, because only then Granian closes a silent connection; with TLS the
    client chooses HTTP/1.1 or HTTP/2 (ALPN).
    """

    def __init__(self, app: App, listening_socket: ListeningSocket, settings: Settings, count: int) -> None:
        """`count` is the number of servers."""
        identity, limits = listening_socket.identity, settings.limits
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto if identity else HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(limits.header_silence_s * 1000),
                max_buffer_size=_BUFFER_SIZE if settings.storage is None else _STORE_BUFFER_SIZE,
            ),
            http2_settings=HTTP2Settings(
                max_headers_size=_HTTP2_HEADERS_SIZE,
                max_send_buffer_size=_HTTP2_UNSENT_SIZE,
                max_concurrent_streams=_HTTP2_STREAMS,
                keep_alive_interval=_PING_MS,
                keep_alive_timeout=_PING_TIMEOUT_S,
            ),
            backlog=_BACKLOG,
            # Each server counts its own connections, also idle ones. At the limit new ones wait in the
            # kernel's queue until one ends, as a silent one does after header_silence_s.
            backpressure=max(1, limits.connections // count),
            websockets=False,
            log_enabled=False,
            ssl_cert=identity.certificate if identity else None,
            ssl_key=identity.key if identity else None,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        self._listening = listening_socket.listening
        _limit_unread(listening_socket.listening, limits)

    def _init_shared_socket(self) -> None:
        # Granian closes its descriptor, so it gets a duplicate.
        descriptor = os.dup(self._listening.fileno())
        make_holder: Any = SocketHolder
        vars(self).update(_ssp=None, _shd=make_holder(descriptor, False, _BACKLOG), _sfd=descriptor)


def _set_site(host: str, app: App) -> App:
    """Returns `app` with every request marked as one for the host."""

    def marked(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        scope[PORT_SITE] = host
        return app(scope, receive, send)

    return marked
