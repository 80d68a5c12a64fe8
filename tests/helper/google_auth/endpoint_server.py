"""A token endpoint that is also a proxy, with TLS or without: for walks through all transports."""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOKEN = {"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer", "issued_token_type": "x"}
MOST = 16 * 1024 * 1024  # what a connection holds in its buffers is far less


class Asked(NamedTuple):
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]


class EndpointServer(ThreadingHTTPServer):
    """Answers every request, to itself or to another host, as `reply` does: with a token."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None, *, is_tls: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"localhost:{self.server_port}"
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
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate hangs up."""


class Handler(BaseHTTPRequestHandler):
    server: EndpointServer
    connection: socket.socket

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(Asked(self.command, self.path, dict(self.headers)))
        self.server.reply(self)

    do_POST = do_GET

    def do_CONNECT(self) -> None:
        """Becomes the host behind the tunnel."""
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
            self.connection.close()  # the server closes the one that it took, not one that speaks TLS over it

    def end(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_until_left(self, part: bytes, pause_s: float = 0) -> None:
        """Sends the part again and again, until the client has closed the connection."""
        sent = 0
        with suppress(OSError):
            while sent < MOST and not self.server.is_left.wait(pause_s):
                self.wfile.write(part)
                sent += len(part)
        if sent < MOST:
            self.server.is_left.set()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def give_token(handler: Handler) -> None:
    handler.end(200, json.dumps(TOKEN).encode(), Content_Type="application/json")


def make_certificate(directory: Path, *names: str) -> Path:
    """Writes a certificate of the names with its key into one file, and itself into CA.pem."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    day = timedelta(days=1)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (directory / "CA.pem").write_bytes(pem)
    form, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = directory / "server.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption) + pem)
    return path
