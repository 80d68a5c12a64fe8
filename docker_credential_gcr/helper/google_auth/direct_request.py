"""Direct request: sends it by the standard library, which takes 22 ms to load; `requests` takes 88 ms."""

import errno
import socket
from collections.abc import Mapping
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)
from urllib.parse import SplitResult, quote, urlsplit

from .connection_faults import HEADER_FAULT
from .endpoint import Endpoint

PORTS = {"http": 80, "https": 443}
UNQUOTED = "!#$%&'()*+,/:;=?@[]~"  # in a path and a query; % because they may be quoted already


def request(
    method: str,
    endpoint: Endpoint,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout_s: float,
    max_size: int,
    authorities: str | None = None,
    certificate: tuple[str, str] | None = None,
) -> tuple[int, HTTPMessage, bytes]:
    """Returns the status, the headers, and at most max_size + 1 bytes of the body, not decompressed.

    `timeout_s` is the limit of each step. Raises OSError, ConfigError, and MalformedVariable.
    """
    parts = urlsplit(endpoint.url)
    connection = HTTPConnection(parts.hostname or "", PORTS[parts.scheme])
    try:
        connection.sock = _connect(parts, timeout_s, authorities, certificate)
        connection.request(method, _format_target(parts), body, {"Host": parts.netloc, **headers})
        with connection.getresponse() as response:  # closing the connection may not close it
            return response.status, response.headers, _read_body(response, max_size)
    except RemoteDisconnected as error:
        raise ConnectionResetError(errno.ECONNRESET, "it closed the connection without an answer") from error
    except HTTPException as error:
        raise ConnectionError(errno.EPROTO, f"its answer is not HTTP: {type(error).__name__}") from error
    except OSError:  # before ValueError: some exceptions of TLS are both
        raise
    except ValueError as error:
        raise ConnectionError(errno.EINVAL, HEADER_FAULT) from error
    finally:
        connection.close()


def _connect(
    parts: SplitResult, timeout_s: float, authorities: str | None, certificate: tuple[str, str] | None
) -> socket.socket:
    """Returns a connection to the host of a URL, encrypted for https. Raises the exceptions of `request`."""
    host, context = parts.hostname or "", None
    if parts.scheme == "https":
        from . import tls_context  # 1 ms, which plain http does not need

        context = tls_context.make_context(parts.netloc, authorities, certificate)
    connection = socket.create_connection((host, parts.port or PORTS[parts.scheme]), timeout_s)
    if context is None:
        return connection
    # Without TCP_NODELAY the request would wait 40 ms for the ACK of the end of the handshake.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # No certificate has a host with the dot at the end of an absolute name.
    return context.wrap_socket(connection, server_hostname=host.removesuffix("."))


def _format_target(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return quote(f"{parts.path or '/'}{query}", UNQUOTED)


def _read_body(response: HTTPResponse, max_size: int) -> bytes:
    body = response.read(max_size + 1)
    if response.length and len(body) <= max_size:
        raise IncompleteRead(body, response.length)
    return body
