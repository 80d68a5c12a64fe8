"""Sends a request straight to a server with http.client, which loads four times as fast as `requests`."""

import socket
import ssl
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from .answer import PART_SIZE, Answer, read_body
from .connection_fault import EmulatorError

_PORTS = {"http": 80, "https": 443}
_UNQUOTED = "!$%&'()*+,/:;=?@[]~"  # in a path and a query; also what is quoted already


def request(
    method: str,
    url: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    ca: Path | None,
    connect_s: float,
    patience_s: float,
) -> Answer:
    """Returns the answer, of any status; a redirect is not followed. Raises OSError and EmulatorError.

    `url` is that of the server's root, `path` has the query too. `connect_s` is for each address of the
    host, `patience_s` for each part of the answer.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", _PORTS[parts.scheme])
    try:
        connection.sock = _connect(parts, ca, connect_s)
        connection.sock.settimeout(patience_s)
        connection.request(method, quote(path, _UNQUOTED), body, {"Host": parts.netloc, **headers})
        with connection.getresponse() as response:
            return Answer(response.status, response.headers, _read(response, url))
    except IncompleteRead as error:
        raise EmulatorError(f"{url} ended its answer too early: check what listens there") from error
    except HTTPException as error:
        raise ConnectionError(f"its answer is not HTTP: {error}") from error
    finally:
        connection.close()


def _connect(parts: SplitResult, ca: Path | None, connect_s: float) -> socket.socket:
    """Returns a connection to the host of a URL, encrypted for https."""
    host = parts.hostname or ""
    connection = socket.create_connection((host, parts.port or _PORTS[parts.scheme]), connect_s)
    if parts.scheme == "http":
        return connection
    # Else a request waits 40 ms for the acknowledgement of the end of the handshake.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        # No certificate names a host with the dot that ends an absolute name.
        return make_context(ca).wrap_socket(connection, server_hostname=host.removesuffix("."))
    except BaseException:
        connection.close()
        raise


def make_context(ca: Path | None) -> ssl.SSLContext:
    """Returns a context that trusts the authorities of a file. Raises EmulatorError where it holds none."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        told = f"{ca} holds no certificate in PEM: name the server's authority with --ca"
        raise EmulatorError(told) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read(response: HTTPResponse, url: str) -> bytes:
    body = read_body(iter(partial(response.read, PART_SIZE), b""), url)
    if response.length:
        raise IncompleteRead(body, response.length)
    return body
