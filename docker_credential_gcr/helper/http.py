"""One request to an endpoint that knows tokens: bounded in time and size, never redirected."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docker_credential_gcr.errors import ConfigError, NetworkError
from docker_credential_gcr.helper import connection_faults, paths, registries, wire
from docker_credential_gcr.helper.deadline import call_within
from docker_credential_gcr.helper.endpoint import Endpoint

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

MAX_SIZE = 64 * 1024
MAX_CA_SIZE = 16 * 1024 * 1024
GZIP = "gzip"
RETRIED = (429, 500, 502, 503, 504)
PAUSES_S = (0.3, 1.0)
CA_FILE = "DOCKER_CREDENTIAL_GCR_CA_FILE"
SURROUNDING = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Answer:
    """Status, headers, media type, and at most MAX_SIZE + 1 bytes of the body, decompressed."""

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
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
    """The endpoint's answer, after a further try where one may help. Raises NetworkError at the deadline."""
    call = _Call(method, endpoint, deadline, {"Accept": "application/json", **headers}, form, document)
    try:
        return call_within(deadline, lambda: call.run(pauses_s))
    except TimeoutError as error:
        raise _make_error(endpoint, error, deadline) from error


def start_session(host: str) -> "requests.Session":
    """A session that gives no host more than it is asked to."""
    import requests

    session = requests.Session()
    session.auth = _add_nothing  # else the password of that host in ~/.netrc would be sent
    session.headers["Accept-Encoding"] = GZIP
    if ca_file := paths.find_variable(os.environ, CA_FILE):
        session.mount("https://", _start_adapter(ca_file))
    bundle = paths.find_variable(os.environ, "REQUESTS_CA_BUNDLE")  # requests itself would repeat it
    if registries.is_loopback(host):
        session.trust_env = False  # a proxy would look for the endpoint on its own loopback
        session.verify = bundle or True
    return session


def _start_adapter(ca_file: str) -> "HTTPAdapter":
    """What believes the authorities in the file, beside those that it would believe without it."""
    import ssl

    from requests.adapters import HTTPAdapter

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        paths.read_file(ca_file, MAX_CA_SIZE)  # OpenSSL would wait for a FIFO, and read a device without end
        context.load_verify_locations(ca_file)
    except ssl.SSLError as error:
        raise ConfigError(f"{CA_FILE}: {ca_file!r} holds no certificates in PEM") from error
    except OSError as error:
        raise ConfigError(f"{CA_FILE}: cannot read {ca_file!r}: {error.strerror}") from error

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, ssl_context=context)

        def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, **kwargs, ssl_context=context)

    return Adapter()


class _Call:
    """One request, and its repetitions."""

    __slots__ = ("deadline", "document", "endpoint", "form", "headers", "method")

    def __init__(
        self,
        method: str,
        endpoint: Endpoint,
        deadline: float,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        document: object,
    ) -> None:
        self.method = method
        self.endpoint = endpoint
        self.deadline = deadline
        self.headers = headers
        self.form = form
        self.document = document

    def run(self, pauses_s: tuple[float, ...]) -> Answer:
        with start_session(self.endpoint.host) as session:
            for planned_s in (*pauses_s, None):
                answer = self._try(session)
                pause_s = _find_pause(answer, planned_s)
                if (
                    answer.status not in RETRIED
                    or pause_s is None
                    or time.monotonic() + pause_s > self.deadline
                ):
                    break
                time.sleep(pause_s)
        return answer

    def _try(self, session: "requests.Session") -> Answer:
        options = {"data": self.form, "json": self.document, "headers": self.headers}
        return exchange(session, self.method, self.endpoint, self.deadline, **options)


def exchange(
    session: "requests.Session", method: str, endpoint: Endpoint, deadline: float, **options: Any
) -> Answer:
    """The endpoint's answer to one request, with the options of requests. Raises NetworkError.

    What is longer than MAX_SIZE ends the connection.
    """
    import requests

    options["allow_redirects"] = False  # what is sent is for this endpoint and no other
    options["timeout"] = max(0.1, deadline - time.monotonic())
    try:
        with session.request(method, endpoint.url, stream=True, **options) as response:
            return Answer(response.status_code, response.headers, _read_body(response))
    except requests.RequestException as error:
        raise _make_error(endpoint, error, deadline) from error
    except (OSError, ValueError) as error:  # what requests raises for a malformed surrounding
        text = f"cannot ask {endpoint.host}: a variable for proxies or certificates is malformed"
        raise NetworkError(text, hint=f"check {', '.join(SURROUNDING)}") from error


def _make_error(endpoint: Endpoint, error: BaseException, deadline: float) -> NetworkError:
    """The error for a request that got no answer, with the hint for its cause."""
    cause = connection_faults.classify(error, endpoint.url, deadline)
    hint = connection_faults.find_hint(cause, endpoint.host)
    if cause == connection_faults.SILENT:
        return NetworkError(f"{endpoint.host} did not answer in time", hint=hint)
    return NetworkError(f"cannot reach {endpoint.host}: {find_reason(error)}", hint=hint)


def find_reason(error: BaseException) -> str:
    """What the operating system said, from within the libraries' wrappings."""
    reason, cause = type(error).__name__, error.__context__
    while cause is not None:
        reason = getattr(cause, "strerror", None) or reason
        cause = cause.__context__
    return reason


def _read_body(response: "requests.Response") -> bytes:
    """Returns at most MAX_SIZE + 1 bytes, decompressed here: a library may hold a thousand times as much."""
    encoding = response.raw.headers.pop("Content-Encoding", "").strip().lower()
    parts, size = [], 0
    for part in response.iter_content(MAX_SIZE + 1):  # a part may be as small as the server likes
        parts.append(part)
        size += len(part)
        if size > MAX_SIZE:
            break
    body = b"".join(parts)
    return _decompress(body) if encoding == GZIP and size <= MAX_SIZE else body


def _decompress(body: bytes) -> bytes:
    import zlib

    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, MAX_SIZE + 1)
    except zlib.error:
        return b""  # is no JSON


def _add_nothing(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    return request


def _find_pause(answer: Answer, planned_s: float | None) -> float | None:
    """How long to wait before the next try; None for no further one."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if planned_s is not None and asked.isdecimal() else planned_s
