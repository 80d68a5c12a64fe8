"""HTTP client for token endpoints: one request, bounded in time and size, without redirects."""

import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlencode

from docker_credential_gcr import __version__
from docker_credential_gcr.deadline import call_within
from docker_credential_gcr.errors import NetworkError
from docker_credential_gcr.helper import PROGRAM, registries, wire

from . import connection_faults
from .endpoint import Endpoint

MAX_SIZE = 64 * 1024
GZIP = "gzip"
HEADERS = {"Accept": "*/*", "Accept-Encoding": GZIP, "User-Agent": f"{PROGRAM}/{__version__}"}
RETRIED = (429, 500, 502, 503, 504)
PAUSES_S = (0.3, 1.0)
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
VARIABLES = (*PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Headers(Protocol):
    """Headers of an answer; their names are case-insensitive."""

    def get(self, name: str, default: str, /) -> str:
        """Returns the value of a header."""


class Answer:
    """Answer: status, headers, media type, and at most MAX_SIZE + 1 bytes of the body, decompressed."""

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.media_type = headers.get("Content-Type", "").partition(";")[0]
        self.body = body

    def parse(self) -> object:
        """Returns the value of the body. Raises ValueError when it is not JSON."""
        return wire.loads(self.body.decode("utf-8-sig"))


def send(
    method: str,
    endpoint: Endpoint,
    *,
    deadline: float,
    headers: Mapping[str, str],
    form: Mapping[str, str] | None = None,
    document: object = None,
    pauses_s: tuple[float, ...] = PAUSES_S,
) -> Answer:
    """Returns the endpoint's answer, after up to two further attempts for a status of RETRIED.

    Raises NetworkError, also at the deadline, and ConfigError.
    """
    headers = {"Accept": "application/json", **headers}
    body = None
    if form is not None:
        body = urlencode(form, errors="replace").encode("ascii")
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif document is not None:
        import json  # 2 ms, for impersonation alone

        body = json.dumps(document).encode("ascii")
        headers["Content-Type"] = "application/json"

    def exchange_once() -> Answer:
        return exchange(method, endpoint, deadline, headers=headers, body=body)

    with warnings.catch_warnings():
        # A warning of a library would be printed into docker's output.
        warnings.simplefilter("ignore")
        try:
            return call_within(deadline, lambda: _repeat(exchange_once, deadline, pauses_s))
        except TimeoutError as error:
            raise _make_error(endpoint, error, deadline) from error


def _repeat(exchange_once: Callable[[], Answer], deadline: float, pauses_s: tuple[float, ...]) -> Answer:
    answer = exchange_once()
    for planned_s in pauses_s:
        asked = answer.headers.get("Retry-After", "")
        pause_s = float(asked) if asked.isdecimal() else planned_s
        if answer.status not in RETRIED or time.monotonic() + pause_s > deadline:
            break
        time.sleep(pause_s)
        answer = exchange_once()
    return answer


def exchange(
    method: str,
    endpoint: Endpoint,
    deadline: float,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    authorities: str | None = None,
    certificate: tuple[str, str] | None = None,
) -> Answer:
    """Returns the endpoint's answer to one request. Raises NetworkError and ConfigError.

    `authorities` and `certificate` name files in PEM, as in tls_context.make_context. A body that is longer
    than MAX_SIZE is cut, and the connection closed.
    """
    given = {name.lower() for name in headers}
    added = {name: value for name, value in HEADERS.items() if name.lower() not in given}
    try:
        status, answered, data = _find_transport(endpoint.host)(
            method,
            endpoint,
            headers={**added, **headers},
            body=body,
            timeout_s=max(0.1, deadline - time.monotonic()),
            max_size=MAX_SIZE,
            authorities=authorities,
            certificate=certificate,
        )
    except connection_faults.MalformedVariable as error:
        text = f"cannot ask {endpoint.host}: a variable for proxies or certificates is malformed"
        raise NetworkError(text, hint=f"check {', '.join(VARIABLES)}") from error
    except OSError as error:
        raise _make_error(endpoint, error, deadline) from error
    is_compressed = answered.get("Content-Encoding", "").strip().lower() == GZIP
    return Answer(status, answered, _decompress(data) if is_compressed and len(data) <= MAX_SIZE else data)


def _find_transport(host: str) -> Callable[..., tuple[int, Headers, bytes]]:
    """Returns the function that sends a request to a host, and loads only the module of that."""
    if may_have_proxy(host):
        from . import proxied_request  # 88 ms

        return proxied_request.request
    from . import direct_request  # 22 ms

    return direct_request.request


def may_have_proxy(host: str, environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Returns whether a variable or the system's settings may name a proxy for a host.

    Never for loopback: a proxy would look for the endpoint on its own machine.
    """
    if registries.is_loopback(host):
        return False
    if any(value and name.upper() in PROXIES for name, value in environ.items()):
        return True
    if platform not in ("darwin", "win32"):
        return False
    from urllib.request import getproxies  # 20 ms, on the systems with such settings

    return bool(getproxies())


def _make_error(endpoint: Endpoint, error: BaseException, deadline: float) -> NetworkError:
    """Returns the error for a request without an answer, with the hint for its cause."""
    cause = connection_faults.classify(error, endpoint.url, deadline)
    hint = connection_faults.find_hint(cause, endpoint.host)
    check, command = NetworkError.check, connection_faults.find_command(cause, endpoint.host)
    text = f"cannot reach {endpoint.host}: {find_reason(error)}"
    if cause == connection_faults.SILENT:
        text = f"{endpoint.host} did not answer in time"
    return NetworkError(text, hint=hint, check=check, command=command)


def find_reason(error: BaseException) -> str:
    """Returns the text of the operating system, from the chain of the libraries' exceptions."""
    reason = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        reason = getattr(cause, "strerror", None) or reason
        cause = cause.__context__
    return reason


def _decompress(body: bytes) -> bytes:
    import zlib  # needed only for a compressed body

    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, MAX_SIZE + 1)
    except zlib.error:
        return b""  # which is not JSON
