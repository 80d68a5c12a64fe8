"""HTTP requests without a proxy, with http.client: it loads four times as fast as `requests`."""

import socket
import ssl
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from .connection_fault import EmulatorError
from .response import PART_SIZE, Response, read_body

_PORTS = {"http": 80, "https": 443}
_UNQUOTED = "!$%&'()*+,/:;=?@[]~"  # in a path and a query; % because they are quoted already


def request(
    method: str,
    url: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    ca: Path | None,
    connect_timeout_s: float,
    read_timeout_s: float,
) -> Response:
    """Returns the response, of any status; follows no redirect. Raises OSError and EmulatorError.

    `url` is the server's root, `path` includes the query. `connect_timeout_s` is for each address of the
    host, `read_timeout_s` for each part of the response.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", _PORTS[parts.scheme])
    try:
        connection.sock = _connect(parts, ca, connect_timeout_s)
        connection.sock.settimeout(read_timeout_s)
        connection.request(method, quote(path, _UNQUOTED), body, {"Host": parts.netloc, **headers})
        with connection.getresponse() as response:
            return Response(response.status, response.headers, _read(response, url))
    except IncompleteRead as error:
        raise EmulatorError(f"{url} ended its response too early: check what listens there") from error
    except HTTPException as error:
        raise ConnectionError(f"its response is not HTTP: {error}") from error
    finally:
        connection.close()


def _connect(parts: SplitResult, ca: Path | None, connect_timeout_s: float) -> socket.socket:
    """Returns a connection to the host of a URL, with TLS for https."""
    host = parts.hostname or ""
    connection = socket.create_connection((host, parts.port or _PORTS[parts.scheme]), connect_timeout_s)
    if parts.scheme == "http":
        return connection
    # Without TCP_NODELAY the request waits 40 ms for the acknowledgement of the handshake's last segment.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        # An absolute name ends with a dot, and no certificate has a name with it.
        return make_context(ca).wrap_socket(connection, server_hostname=host.removesuffix("."))
    except BaseException:
        connection.close()
        raise


def make_context(ca: Path | None) -> ssl.SSLContext:
    """Returns a context that trusts the authorities of a file. Raises EmulatorError if it holds none."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        message = f"{ca} holds no certificate in PEM: name the server's authority with --ca"
        raise EmulatorError(message) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read(response: HTTPResponse, url: str) -> bytes:
    body = read_body(iter(partial(response.read, PART_SIZE), b""), url)
    if response.length:
        raise IncompleteRead(body, response.length)
    return body
