"""Our socket, and the ASGI server behind it: the one file that knows Granian (2.8.7).

Granian binds with SO_REUSEPORT, never reports port 0, and forks workers that outlive it; so the
socket is bound and listening before Granian sees it, and its embedded server runs in this process.
"""

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from .settings import Limits

App = Callable[..., Awaitable[None]]

_BACKLOG = 1024
# What the process opens beside connections: files, the database. Without a free descriptor Granian
# does not wait for one: it tries to accept again and again, at the cost of a whole core.
_RESERVED_DESCRIPTORS = 256
# What is in flight when the server stops gets so long to end.
_GRACE_S = 1.0


class CannotListen(Exception):
    """The address cannot be listened on."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; port 0 picks a free one. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = "address in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise CannotListen(f"cannot listen on {format_address(host, port)}: {reason}") from error
    except OverflowError as error:
        raise CannotListen(f"cannot listen on {format_address(host, port)}: no such port") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address. Raises CannotListen where the name has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}: {error.strerror}") from error
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def format_address(host: str, port: int) -> str:
    """host:port, with brackets where the host holds colons."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def count_connections(limits: Limits) -> int:
    """How many connections are served at once: as many as the limits say, if the descriptors suffice."""
    try:
        import resource
    except ImportError:
        # Windows has no such limit.
        return limits.connections
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return limits.connections
    return max(1, min(limits.connections, descriptors - _RESERVED_DESCRIPTORS))


class Listener:
    """Serves an application on a listening socket, in the event loop that calls it."""

    def __init__(self, app: App, listening: socket.socket, limits: Limits) -> None:
        self._server = _EmbeddedServer(app, listening, limits)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; requests in flight get a second to end."""
        serving = asyncio.ensure_future(self._server.serve())
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self._server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({serving}, timeout=_GRACE_S)
        serving.cancel()
        # A server that ended by itself says why.
        if serving.done() and not serving.cancelled() and serving.exception() is not None:
            serving.result()


class _EmbeddedServer(Server):
    """Granian's embedded server on a socket that it is given."""

    def __init__(self, app: App, listening: socket.socket, limits: Limits) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=int(limits.header_silence_s * 1000)),
            backlog=_BACKLOG,
            # Idle connections count. At the bound new ones wait in the kernel's queue until one ends,
            # as a silent one does after the limits' silence.
            backpressure=count_connections(limits),
            websockets=False,
            log_enabled=False,
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        # Granian closes what it holds, so it gets a descriptor of its own.
        descriptor = os.dup(self._listening.fileno())
        make_holder: Any = SocketHolder
        vars(self).update(_ssp=None, _shd=make_holder(descriptor, False, _BACKLOG), _sfd=descriptor)
