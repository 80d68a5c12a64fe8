"""Transports under every condition: direct and over a proxy, for our requests and for google-auth's.

RegistryAuth sends nothing by itself: it adds a token to a request that the user's `requests` sends.
"""

import gzip
import os
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from support.child_processes import LIMIT_S
from support.keys import save_certificate
from support.servers.endpoint import EndpointServer, Handler

from docker_credential_gcr.errors import ConfigError, NetworkError, TokenError
from docker_credential_gcr.helper.google_auth import connection_faults, external_account, http, oauth
from docker_credential_gcr.helper.google_auth.endpoint import parse_endpoint
from docker_credential_gcr.helper.registries import OTHER
from docker_credential_gcr.helper.tokens import TokenRequest

REQUEST = TokenRequest("registry.example", OTHER, scopes=("scope",))
NAME = "endpoint.example"  # resolves to the server; it is not a loopback name, so a proxy may be used
VARIABLES = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "DOCKER_CREDENTIAL_GCR_CA_FILE",
    "SSL_CERT_FILE",
    "NETRC",
)


@pytest.fixture(autouse=True)
def isolated_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sets a home with a password for every host, none of VARIABLES, and a resolver for *.example."""
    for variable in os.environ:
        if variable.lower().endswith("_proxy") or variable in VARIABLES:
            monkeypatch.delenv(variable)
    (tmp_path / ".netrc").write_text("default login me password s3cret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    resolve = socket.getaddrinfo

    def resolve_all(host: str, *rest: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host.endswith((".example", ".example.")) else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_all)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_certificate(tmp_path_factory.mktemp("certificate"), NAME, "localhost")


@pytest.fixture
def server(certificate: Path) -> Iterator[EndpointServer]:
    """Starts a server of plain http, which speaks TLS behind a tunnel."""
    server = EndpointServer(certificate)
    yield server
    server.is_left.set()
    server.close()


@pytest.fixture
def tls(certificate: Path) -> Iterator[EndpointServer]:
    server = EndpointServer(certificate, is_tls=True)
    yield server
    server.close()


def refresh(url: str, _: Path, limit_s: float) -> str:
    """Fetches a token with our own request."""
    deadline = time.monotonic() + limit_s
    return oauth.exchange_refresh_token(
        parse_endpoint(url), "1//x", client=("i", "s"), scopes=(), deadline=deadline
    ).value


def federate(url: str, folder: Path, limit_s: float) -> str:
    """Fetches a token with google-auth's external account."""
    (folder / "subject").write_text("subject-token")
    document: dict[str, object] = {
        "type": "external_account",
        "audience": "a",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": url,
        "credential_source": {"file": str(folder / "subject")},
    }
    return external_account.fetch_token(document, REQUEST, time.monotonic() + limit_s).value


ASKERS = {"our own": refresh, "google-auth's": federate}
Ask = Callable[..., str]


@pytest.fixture(params=ASKERS)
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Ask:
    """Returns a function that asks the endpoint at a URL for a token."""
    return lambda url, limit_s=LIMIT_S: ASKERS[request.param](url, tmp_path, limit_s)


WAYS = ("straight", "over a proxy")


@pytest.fixture(params=WAYS)
def url(request: pytest.FixtureRequest, server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Returns the URL of the plain endpoint: the server itself, or a host behind the server as a proxy."""
    if request.param == "straight":
        return f"http://{server.host}/token"
    monkeypatch.setenv("HTTP_PROXY", f"http://{server.host}")
    return f"http://{NAME}/token"


@pytest.fixture(params=WAYS)
def safe_url(
    request: pytest.FixtureRequest,
    server: EndpointServer,
    tls: EndpointServer,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Returns the URL of the endpoint over TLS: direct, or through a proxy's tunnel."""
    if request.param == "straight":
        return f"https://{tls.host}/token"
    monkeypatch.setenv("HTTPS_PROXY", f"http://{server.host}")
    return f"https://{NAME}/token"


def test_a_token_is_bought_without_the_password_of_a_netrc_file(
    ask: Ask, url: str, server: EndpointServer
) -> None:
    assert ask(url) == "ya29.x"

    (asked,) = server.requests
    assert (asked.method, "Authorization" in asked.headers) == ("POST", False)
    assert asked.headers["Accept-Encoding"] == "gzip"
    assert asked.headers["User-Agent"].startswith("docker-credential-gcr/")


def test_a_redirect_is_not_followed(ask: Ask, url: str, server: EndpointServer) -> None:
    server.reply = lambda handler: handler.end(307, b"", Location=f"http://{server.host}/elsewhere")

    with pytest.raises(TokenError):
        ask(url)

    assert len(server.requests) == 1


def test_an_answer_without_end_is_left_after_64_kib(ask: Ask, url: str, server: EndpointServer) -> None:
    def flood(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.send_until_left(b" " * 65536)

    server.reply = flood

    with pytest.raises(TokenError, match=r"answered more than 64 KiB$"):
        ask(url)

    assert server.is_left.wait(LIMIT_S)


def test_an_answer_by_the_byte_is_left_at_the_deadline(ask: Ask, url: str, server: EndpointServer) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.send_until_left(b" ", 0.02)

    server.reply = drip

    with pytest.raises(NetworkError, match=r"in time$") as raised:
        ask(url, limit_s=0.5)

    assert raised.value.hint == connection_faults.HINTS[connection_faults.SILENT]


def test_64_kib_count_after_decompression(ask: Ask, url: str, server: EndpointServer) -> None:
    bomb = gzip.compress(b" " * 60 * 1024 * 1024)
    server.reply = lambda handler: handler.end(200, bomb, Content_Encoding="gzip")
    tracemalloc.start()

    with pytest.raises(TokenError, match=r"answered more than 64 KiB$"):
        ask(url)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(bomb) < http.MAX_SIZE
    assert peak < 8 * 1024 * 1024


def test_an_answer_that_is_cut_off_is_no_token(ask: Ask, url: str, server: EndpointServer) -> None:
    def cut(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"{}")

    server.reply = cut

    with pytest.raises(NetworkError, match=r"^cannot reach "):
        ask(url)


@pytest.mark.parametrize("sent", [b"", b"no HTTP\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x46"], ids=repr)
def test_what_is_no_answer_of_http_is_named(ask: Ask, url: str, server: EndpointServer, sent: bytes) -> None:
    server.reply = lambda handler: handler.wfile.write(sent) and None

    with pytest.raises(NetworkError, match=r"^cannot reach ") as raised:
        ask(url)

    assert raised.value.hint in (
        connection_faults.HINTS[connection_faults.DOWN],
        connection_faults.HINTS[connection_faults.PROXY],
    )


def test_a_connection_that_is_refused_is_named(ask: Ask) -> None:
    with pytest.raises(NetworkError, match=r"^cannot reach localhost:1: Connection refused$") as raised:
        ask("http://localhost:1/token")

    assert raised.value.hint == connection_faults.LOOPBACK_HINTS[connection_faults.REFUSED]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_refuses_is_named(ask: Ask, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://localhost:1")

    with pytest.raises(NetworkError, match=f"^cannot reach {NAME}: Connection refused$") as raised:
        ask(f"https://{NAME}/token")

    assert raised.value.hint == connection_faults.HINTS[connection_faults.PROXY]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("way", WAYS)
def test_our_own_request_is_repeated_after_the_pause_that_the_endpoint_asks_for(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str, status: int
) -> None:
    url = f"http://{NAME if way == 'over a proxy' else server.host}/token"
    monkeypatch.setenv("HTTP_PROXY", f"http://{server.host}")
    server.reply = lambda handler: handler.end(status, b"", Retry_After="0")

    with pytest.raises(TokenError, match=f"answered {status}$"):
        refresh(url, tmp_path, LIMIT_S)

    assert len(server.requests) == 3


def test_a_certificate_that_is_not_trusted_is_refused(ask: Ask, safe_url: str) -> None:
    with pytest.raises(NetworkError, match="CERTIFICATE_VERIFY_FAILED") as raised:
        ask(safe_url)

    hints = (connection_faults.HINTS, connection_faults.LOOPBACK_HINTS)
    assert raised.value.hint in [hint[connection_faults.UNTRUSTED] for hint in hints]


@pytest.mark.parametrize(
    "variable", ["DOCKER_CREDENTIAL_GCR_CA_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
)
def test_a_file_of_authorities_is_trusted(
    ask: Ask, safe_url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate.with_name("CA.pem")))

    assert ask(safe_url) == "ya29.x"


def test_our_own_file_is_trusted_in_addition_to_a_bundle(
    ask: Ask, safe_url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_certificate(tmp_path, "other.example")
    authorities = [str(certificate.with_name("CA.pem")), str(tmp_path / "CA.pem")]

    for ours, theirs in (authorities, authorities[::-1]):
        monkeypatch.setenv("DOCKER_CREDENTIAL_GCR_CA_FILE", ours)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", theirs)
        assert ask(safe_url) == "ya29.x"


@pytest.mark.parametrize("content", [None, "none"], ids=["absent", "no PEM"])
def test_a_file_of_authorities_that_cannot_be_used_is_named(
    safe_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "own.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("DOCKER_CREDENTIAL_GCR_CA_FILE", str(path))

    with pytest.raises(ConfigError, match=f"^DOCKER_CREDENTIAL_GCR_CA_FILE: .*{path}"):
        refresh(safe_url, tmp_path, LIMIT_S)


def test_google_auths_own_files_of_authorities_and_of_a_client_are_used(
    safe_url: str, server: EndpointServer, tls: EndpointServer, certificate: Path
) -> None:
    authorities = str(certificate.with_name("CA.pem"))
    for context in (server.context, tls.context):
        assert context is not None
        context.load_verify_locations(authorities)
        context.verify_mode = (
            ssl.CERT_REQUIRED
        )  # asks for the client's certificate: here it is the server's own

    def exchange(client: tuple[str, str] | None) -> int:
        deadline = time.monotonic() + LIMIT_S
        options = {"headers": {}, "authorities": authorities, "certificate": client}
        return http.exchange("POST", parse_endpoint(safe_url), deadline, **options).status  # type: ignore[arg-type]

    assert exchange((str(certificate), str(certificate))) == 200
    with pytest.raises(NetworkError, match=r"^cannot reach "):
        exchange(None)


def test_the_password_of_a_clients_key_is_not_asked_for(
    safe_url: str, certificate: Path, tmp_path: Path
) -> None:
    key = load_pem_private_key(certificate.read_bytes(), None)
    password = BestAvailableEncryption(b"password")
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password))

    with pytest.raises(NetworkError):
        http.exchange(
            "POST",
            parse_endpoint(safe_url),
            time.monotonic() + LIMIT_S,
            headers={},
            authorities=str(certificate.with_name("CA.pem")),
            certificate=(str(certificate), str(tmp_path / "key.pem")),
        )


def test_a_name_that_ends_in_a_dot_has_the_certificate_of_the_name_without_it(
    ask: Ask, tls: EndpointServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CREDENTIAL_GCR_CA_FILE", str(certificate.with_name("CA.pem")))

    assert ask(f"https://{NAME}.:{tls.server_port}/token") == "ya29.x"


PROXIED = {
    "HTTP_PROXY": "http",
    "http_proxy": "http",
    "ALL_PROXY": "http",
    "all_proxy": "https",
    "HTTPS_PROXY": "https",
    "https_proxy": "https",
}


@pytest.mark.parametrize("variable", PROXIED)
def test_a_proxy_is_asked_with_its_own_password(
    ask: Ask, server: EndpointServer, certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    scheme = PROXIED[variable]
    monkeypatch.setenv(variable, f"http://me:pass@{server.host}")
    monkeypatch.setenv("DOCKER_CREDENTIAL_GCR_CA_FILE", str(certificate.with_name("CA.pem")))

    assert ask(f"{scheme}://{NAME}/token?a=b%20c") == "ya29.x"

    credential = "Basic bWU6cGFzcw=="
    seen = [(*asked[:2], asked.headers.get("Proxy-Authorization")) for asked in server.requests]
    if scheme == "http":
        assert seen == [("POST", f"http://{NAME}/token?a=b%20c", credential)]
    else:
        assert seen == [("CONNECT", f"{NAME}:443", credential), ("POST", "/token?a=b%20c", None)]


# The host of the endpoint, NO_PROXY, and whether the request goes to the endpoint directly.
EXCEPTIONS = [
    (NAME, NAME, True),
    (NAME, f"other.example, {NAME}:PORT", True),
    (NAME, ".example", True),
    (NAME, "*", True),
    (NAME, "other.example", False),
    (NAME, "", False),
    ("127.1", "127.1", True),
    ("127.1", "127.0.0.0/8", True),
    ("127.1", "10.0.0.0/8", False),
    ("localhost", "", True),  # for a proxy, localhost is its own machine
    ("127.0.0.1", "", True),
]


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(("host", "exceptions", "is_straight"), EXCEPTIONS)
def test_no_proxy_is_heeded(
    ask: Ask,
    server: EndpointServer,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    exceptions: str,
    is_straight: bool,
    variable: str,
) -> None:
    port = str(server.server_port)
    monkeypatch.setenv("HTTP_PROXY", f"http://{server.host}")
    monkeypatch.setenv(variable, exceptions.replace("PORT", port))

    assert ask(f"http://{host}:{port}/token") == "ya29.x"

    assert [asked.target for asked in server.requests] == [
        "/token" if is_straight else f"http://{host}:{port}/token"
    ]


@pytest.mark.parametrize(
    "value", ["http://[", "http://a:b", "http://", "gopher://x", "http:///x", "socks9://x"]
)
def test_a_malformed_proxy_is_named(ask: Ask, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)

    with pytest.raises(NetworkError) as raised:
        ask(f"https://{NAME}/token")

    told = f"cannot ask {NAME}: a variable for proxies or certificates is malformed"
    hint = "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE"
    assert (str(raised.value), raised.value.hint) == (told, hint)
    assert connection_faults.classify(raised.value) == connection_faults.PROXY


@pytest.mark.parametrize("bundle", ["/absent", "/dev/zero", __file__])
def test_a_bundle_that_cannot_be_used_is_named(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tls: EndpointServer, bundle: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)

    with pytest.raises(NetworkError, match=r"a variable for proxies or certificates is malformed$"):
        ask(f"https://{tls.host}/token")


@pytest.mark.parametrize(
    ("host", "environ", "expected"),
    [
        ("gcr.io", {}, False),
        ("gcr.io", {"HTTP_PROXY": ""}, False),
        ("gcr.io", {"NO_PROXY": "*", "FTP_PROXY": "http://p"}, False),
        ("gcr.io", {"Https_Proxy": "http://p"}, True),
        ("localhost:5000", {"HTTP_PROXY": "http://p"}, False),
        ("[::1]:5000", {"all_proxy": "http://p"}, False),
    ],
)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_proxy_may_be_asked_where_a_variable_names_one(
    host: str, environ: dict[str, str], expected: bool, platform: str
) -> None:
    assert http.may_have_proxy(host, environ, platform) is expected


def test_on_a_mac_the_settings_of_the_system_count_as_python_reads_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://proxy.example"})

    assert [http.may_have_proxy("gcr.io", {}, name) for name in ("darwin", "win32", "linux")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("?a=b", "/?a=b"),
        ("/a b", "/a%20b"),
        ("/a%20b/;c?d=e&f#g", "/a%20b/;c?d=e&f"),
        ('/"', "/%22"),
    ],
)
def test_the_target_is_quoted_and_has_no_fragment(
    ask: Ask, server: EndpointServer, path: str, target: str
) -> None:
    ask(f"http://{server.host}{path}")

    assert [asked.target for asked in server.requests] == [target]


@pytest.mark.parametrize("value", ["a\nb", "\u20ac"], ids=ascii)
def test_a_header_that_cannot_be_sent_is_an_error_of_the_network(url: str, value: str) -> None:
    deadline = time.monotonic() + LIMIT_S

    with pytest.raises(NetworkError, match=r"a header of the request cannot be sent$"):
        http.exchange("GET", parse_endpoint(url), deadline, headers={"X-A": value})
