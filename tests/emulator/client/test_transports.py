"""Both HTTP transports of the commands, http.client and `requests`, send and return the same."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.servers.one_answer import LIMIT_S, OneAnswer
from support.servers.tls_registry import TlsRegistry

from docker_credential_gcr.emulator.client import direct_request, proxied_request
from docker_credential_gcr.emulator.client import rest as client
from docker_credential_gcr.emulator.client.response import Response
from docker_credential_gcr.emulator.client.rest import EmulatorError, Server

Run = Callable[..., tuple[int, str, str]]
Request = Callable[..., Response]
TRANSPORTS = {"direct": direct_request.request, "requests": proxied_request.request}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kind: plain\r\n\r\n{}"


@pytest.fixture(autouse=True)
def surrounding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sets a home with a password for every host, and no proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".netrc").write_text("default login me password s3cret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], OneAnswer]]:
    servers = []

    def make(data: bytes) -> OneAnswer:
        servers.append(OneAnswer(data))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture(params=TRANSPORTS)
def request_(request: pytest.FixtureRequest) -> Request:
    """Returns a function that sends a request with one of the transports."""

    def send(method: str, url: str, path: str = "/", **options: Any) -> Response:
        given = {
            "headers": {},
            "body": None,
            "ca": None,
            "connect_timeout_s": LIMIT_S,
            "read_timeout_s": LIMIT_S,
        }
        transport: Request = TRANSPORTS[request.param]
        return transport(method, url, path, **{**given, **options})

    return send


def test_a_request_is_sent_with_its_headers_and_body_and_no_password_of_netrc(
    request_: Request, serve: Callable[[bytes], OneAnswer]
) -> None:
    server = serve(OK)

    answer = request_("POST", server.url, "/v1/ä b?q=%2F", headers={"X-One": "1"}, body=b'{"a": 1}')

    assert (answer.status, answer.headers.get("x-kind", ""), answer.body) == (200, "plain", b"{}")
    first, headers, body = server.take_request()
    assert (first, body) == ("POST /v1/%C3%A4%20b?q=%2F HTTP/1.1", b'{"a": 1}')
    assert {name: headers.get(name) for name in ("host", "x-one", "content-length", "authorization")} == {
        "host": server.host, "x-one": "1", "content-length": "8", "authorization": None
    }  # fmt: skip


@pytest.mark.parametrize("status", [204, 302, 404, 500])
def test_an_answer_of_any_status_is_given_and_no_redirect_followed(
    request_: Request, serve: Callable[[bytes], OneAnswer], status: int
) -> None:
    head = f"HTTP/1.1 {status} X\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n"

    answer = request_("GET", serve(head.encode()).url)

    assert (answer.status, answer.body) == (status, b"")


def test_what_is_compressed_stays_so(request_: Request, serve: Callable[[bytes], OneAnswer]) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\x00"

    assert request_("GET", serve(data).url).body == b"\x1f\x8b\x00\x00"


def test_a_body_in_chunks_is_given_whole(request_: Request, serve: Callable[[bytes], OneAnswer]) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3\r\n   \r\n0\r\n\r\n"

    assert request_("GET", serve(data).url).parse() == {}


BROKEN = {
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
    "no answer": b"",
    "no HTTP": b"220 mail.example ESMTP\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_one_of_the_errors_that_commands_explain(
    request_: Request, serve: Callable[[bytes], OneAnswer], name: str
) -> None:
    with pytest.raises((OSError, EmulatorError)):
        request_("GET", serve(BROKEN[name]).url)


def test_a_certificate_is_checked_against_the_file_of_the_authority(
    request_: Request, tmp_path: Path
) -> None:
    registry = TlsRegistry(tmp_path)
    try:
        url, ca = f"https://{registry.host}", tmp_path / "CA.pem"
        trusting = request_("GET", url, "/v2/", ca=ca)
        with pytest.raises(OSError, match=r"(?i)certificate.verify.failed"):
            request_("GET", url, "/v2/")
        # The name in the certificate is another.
        with pytest.raises(OSError, match=r"(?i)certificate.verify.failed"):
            request_("GET", url.replace("localhost", "127.0.0.1"), "/v2/", ca=ca)
    finally:
        registry.close()

    assert trusting.status == 401


def test_a_file_without_a_certificate_is_refused_with_its_path(run: Run, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("no certificate")
    (tmp_path / "server").mkdir()
    registry = TlsRegistry(tmp_path / "server")
    try:
        told = run("project", "list", "--server", f"https://{registry.host}", "--ca", ca)
    finally:
        registry.close()

    assert told == (
        1,
        "",
        f"gcr-emulator: {ca} holds no certificate in PEM: name the server's authority with --ca\n",
    )


# The URL of the server, whether --ca names a file, the variables; what sends the request.
CHOICES = [
    ("http://localhost:5000", False, {}, direct_request),
    ("http://localhost:5000", False, {"HTTP_PROXY": "http://proxy.example"}, direct_request),
    ("http://emulator:5000", False, {}, direct_request),
    ("http://emulator:5000", False, {"HTTP_PROXY": "http://proxy.example"}, proxied_request),
    ("https://emulator:5000", True, {}, direct_request),
    ("https://emulator:5000", True, {"HTTPS_PROXY": "http://proxy.example"}, proxied_request),
    ("https://emulator:5000", False, {}, proxied_request),
    ("https://localhost:5000", False, {}, proxied_request),
]


@pytest.mark.parametrize(("url", "has_ca", "variables", "expected"), CHOICES)
def test_requests_is_asked_only_where_a_proxy_or_the_machines_authorities_may_be_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, has_ca: bool, variables: Any, expected: Any
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert client._find_transport(url, tmp_path if has_ca else None) is expected.request


def test_a_proxy_is_asked_for_a_server_of_another_machine(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[bytes], OneAnswer]
) -> None:
    proxy = serve(OK)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)

    found = Server("http://emulator.example:5000", "t0ken").call("GET", "/v1/projects")

    assert found == {}
    first, headers, _ = proxy.take_request()
    assert (first, headers["authorization"]) == (
        "GET http://emulator.example:5000/v1/projects HTTP/1.1",
        "Bearer t0ken",
    )
