"""Our sockets, and the ASGI servers behind them: the one file that knows Granian (2.8.7).

Granian binds with SO_REUSEPORT, never reports port 0, and forks workers that outlive it; so a
socket is bound and listening before Granian sees it, and its embedded server runs in this process.
"""

import asyncio
import errno
import ipaddress
import math
import os
import socket
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.sites.ports import PORT_SITE

from .tls_files import Identity

_BACKLOG = 1024
# Granian's own is 16 MiB a request. HTTP/1's headers end between 417,792 bytes, the size of its buffer, and
# twice that. The buffer holds pieces of uploads, too: one of 64 KiB made them slower by half.
_HTTP2_HEADERS_SIZE = 256 * 1024
# The kernel takes no more of an answer that it cannot send yet; it would take megabytes.
_UNSENT_SIZE = 128 * 1024
# HTTP/2 keeps so much of each stream's answer for a client that does not read it.
_HTTP2_UNSENT_SIZE = 16 * 1024
_HTTP2_STREAMS = 100
# A silent HTTP/2 connection is asked whether it lives, and closed when it does not say so.
_PING_MS = 30_000
_PING_TIMEOUT_S = 20
# What is in flight when the server stops gets so long to end.
_GRACE_S = 1.0


class CannotListen(Exception):
    """The address cannot be listened on."""


class AddressInUse(CannotListen):
    """Another program listens on the address."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; port 0 picks a free one. Raises CannotListen."""
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
    """Whether only this machine reaches the address. Raises CannotListen where the name has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # idna refuses a label over 63 letters
        raise CannotListen(f"cannot listen on {host}: {getattr(error, 'strerror', error)}") from error
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def format_address(host: str, port: int) -> str:
    """host:port, with brackets where the host holds colons."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True)
class Door:
    """One listening socket; under TLS where it has an identity to show, for one host where it has a site."""

    listening: socket.socket
    identity: Identity | None = None
    site: str | None = None


class Listener:
    """Serves an application at every door, in the event loop that calls it."""

    def __init__(self, app: App, doors: Sequence[Door], limits: Limits) -> None:
        # Each holds its own count of them.
        connections = max(1, limits.connections // len(doors))
        self._servers = [
            _EmbeddedServer(_lead_to(door.site, app) if door.site else app, door, limits, connections)
            for door in doors
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; requests in flight get a second to end."""
        serving = {asyncio.ensure_future(server.serve()) for server in self._servers}
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({*serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for server in self._servers:
            server.stop()  # type: ignore[no-untyped-call]
        done, hanging = await asyncio.wait(serving, timeout=_GRACE_S)
        for task in hanging:
            task.cancel()
        # A server that ended by itself says why.
        for task in done:
            task.result()


def _bound_unread(listening: socket.socket, limits: Limits) -> None:
    """Bounds what the kernel holds for clients that do not read, and for how long; connections inherit it."""
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_SIZE)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        silence_ms = math.ceil(limits.answer_silence_s * 1000)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, silence_ms)


class _EmbeddedServer(Server):
    """Granian's embedded server on a socket that it is given.

    HTTP/1.1 alone without TLS, for only then does Granian close a silent connection; with TLS the client
    chooses between that and HTTP/2 (ALPN).
    """

    def __init__(self, app: App, door: Door, limits: Limits, connections: int) -> None:
        identity = door.identity
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto if identity else HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=int(limits.header_silence_s * 1000)),
            http2_settings=HTTP2Settings(
                max_headers_size=_HTTP2_HEADERS_SIZE,
                max_send_buffer_size=_HTTP2_UNSENT_SIZE,
                max_concurrent_streams=_HTTP2_STREAMS,
                keep_alive_interval=_PING_MS,
                keep_alive_timeout=_PING_TIMEOUT_S,
            ),
            backlog=_BACKLOG,
            # Idle connections count. At the bound new ones wait in the kernel's queue until one ends,
            # as a silent one does after the limits' silence.
            backpressure=connections,
            websockets=False,
            log_enabled=False,
            ssl_cert=identity.certificate if identity else None,
            ssl_key=identity.key if identity else None,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        self._listening = door.listening
        _bound_unread(door.listening, limits)

    def _init_shared_socket(self) -> None:
        # Granian closes what it holds, so it gets a descriptor of its own.
        descriptor = os.dup(self._listening.fileno())
        make_holder: Any = SocketHolder
        vars(self).update(_ssp=None, _shd=make_holder(descriptor, False, _BACKLOG), _sfd=descriptor)


def _lead_to(host: str, app: App) -> App:
    """Returns `app`, told that each request is for the host."""

    def led(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        scope[PORT_SITE] = host
        return app(scope, receive, send)

    return led
