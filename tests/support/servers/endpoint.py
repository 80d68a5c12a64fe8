"""A token endpoint that is also a proxy, with TLS or without: for walks through all transports."""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from support.servers.loopback import LoopbackHandler, LoopbackServer

TOKEN = {"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer", "issued_token_type": "x"}
MOST = 16 * 1024 * 1024  # far more than a connection holds in its buffers


class Asked(NamedTuple):
    """One request as it was received."""

    method: str
    target: str
    headers: dict[str, str]


class EndpointServer(LoopbackServer):
    """Server that answers each request, to itself or to another host, by `reply`: with a token by default."""

    def __init__(self, certificate: Path | None = None, *, is_tls: bool = False) -> None:
        super().__init__(Handler)
        self.requests: list[Asked] = []
        self.reply: Callable[[Handler], None] = give_token
        self.is_left = threading.Event()
        self.context: ssl.SSLContext | None = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        if is_tls and self.context:
            self.socket = self.context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.start()

    def handle_error(self, *_: object) -> None:
        """Ignores a client that closes the connection because it does not trust the certificate."""


class Handler(LoopbackHandler):
    server: EndpointServer
    connection: socket.socket

    def do_GET(self) -> None:
        self.read_body()
        self.server.requests.append(Asked(self.command, self.path, dict(self.headers)))
        self.server.reply(self)

    do_POST = do_GET

    def do_CONNECT(self) -> None:
        """Plays the host behind the tunnel."""
        self.server.requests.append(Asked(self.command, self.path, dict(self.headers)))
        self.send_response(200)
        self.end_headers()
        assert self.server.context is not None
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.connection.close()  # the server closes the accepted socket only, not the TLS socket over it

    def send_until_left(self, part: bytes, pause_s: float = 0) -> None:
        """Sends the part repeatedly, until the client has closed the connection."""
        sent = 0
        with suppress(OSError):
            while sent < MOST and not self.server.is_left.wait(pause_s):
                self.wfile.write(part)
                sent += len(part)
        if sent < MOST:
            self.server.is_left.set()


def give_token(handler: Handler) -> None:
    handler.end(200, json.dumps(TOKEN).encode(), Content_Type="application/json")
