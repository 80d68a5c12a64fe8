"""Answers are limited to 64 KiB, after decompression and by any transport; more closes the connection."""

import gzip
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from support.child_processes import LIMIT_S
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving

from docker_credential_gcr.errors import ConfigError, NetworkError, TokenError
from docker_credential_gcr.helper.doctor import registry_client
from docker_credential_gcr.helper.google_auth import external_account, http, impersonation, oauth, tls_context
from docker_credential_gcr.helper.google_auth.endpoint import parse_endpoint
from docker_credential_gcr.helper.registries import LOOPBACK
from docker_credential_gcr.helper.token_sources.metadata import Metadata
from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest
from docker_credential_gcr.kubelet.pod_identity import PodIdentity

REQUEST = TokenRequest("localhost:5000", LOOPBACK, scopes=("scope",))
TOKEN = AccessToken("ya29.x", expires_at=4102444800, obtained_at=0)
STS = {"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer", "issued_token_type": "x"}
ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
MOST = 16 * 1024 * 1024  # far more than a connection holds in its buffers


class Server(LoopbackServer):
    """Server that answers /sts with a token, and any other path with too many bytes."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.bomb: bytes | None = None
        self.sent = 0
        self.is_left = threading.Event()


class Handler(LoopbackHandler):
    server: Server

    def do_GET(self) -> None:
        self.read_body()
        if self.path == "/sts":
            self.end(200, json.dumps(STS).encode(), Metadata_Flavor="Google")
        elif self.server.bomb is not None:
            self.end(200, self.server.bomb, Metadata_Flavor="Google", Content_Encoding="gzip")
        else:
            self.send_response(200)
            self.send_header("Metadata-Flavor", "Google")
            self.end_headers()
            with suppress(OSError):
                while self.server.sent < MOST:
                    self.wfile.write(b" " * 65536)
                    self.server.sent += 65536
            self.server.is_left.set()

    do_POST = do_GET


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


def federate(url: str, source: object, **fields: object) -> None:
    document = {
        "type": "external_account",
        "audience": "a",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": url,
        "credential_source": source,
    } | fields
    external_account.fetch_token(document, REQUEST, time.monotonic() + LIMIT_S)


@pytest.fixture
def subject(tmp_path: object) -> dict[str, object]:
    path = f"{tmp_path}/subject"
    with open(path, "w", encoding="ascii") as file:
        file.write("subject-token")
    return {"file": path}


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """Returns a body of less than 64 KiB, which decompresses to 60 MiB."""
    data = gzip.compress(b" " * 60 * 1024 * 1024)
    assert len(data) < http.MAX_SIZE
    return data


AWS: dict[str, object] = {"environment_id": "aws1", "regional_cred_verification_url": "https://{region}/"}
AWS_TYPE = {"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"}
TRANSPORTS: dict[str, Callable[[Server, dict[str, object], float], object]] = {
    "refresh token": lambda server, _, deadline: oauth.exchange_refresh_token(
        parse_endpoint(server.url), "1//x", client=("i", "s"), scopes=(), deadline=deadline
    ),
    "impersonation": lambda server, _, deadline: impersonation.exchange_token(
        parse_endpoint(server.url), TOKEN, delegates=(), scopes=(), deadline=deadline
    ),
    "metadata server": lambda server, _, deadline: Metadata(
        {"GCE_METADATA_HOST": server.host}, "linux", is_sure=True
    ).fetch(REQUEST, deadline),
    "pod identity": lambda server, _, deadline: PodIdentity(
        "eyJx", "a", {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STS": server.url}
    ).fetch(REQUEST, deadline),
    "STS": lambda server, subject, _: federate(server.url, subject),
    "subject token's URL": lambda server, _, __: federate(server.url + "/sts", {"url": server.url}),
    "AWS region": lambda server, _, __: federate(
        server.url + "/sts", AWS | {"region_url": server.url, "url": server.url}, **AWS_TYPE
    ),
    "federated impersonation": lambda server, subject, _: federate(
        server.url + "/sts",
        subject,
        service_account_impersonation_url=f"{server.url}/serviceAccounts/{ACCOUNT}:generateAccessToken",
    ),
}
IDS = [f"B-Z10-{name}" for name in TRANSPORTS]


@pytest.mark.parametrize("fetch", TRANSPORTS.values(), ids=IDS)
def test_z10_an_answer_without_end_is_left_after_64_kib(
    server: Server, subject: dict[str, object], fetch: Callable[[Server, dict[str, object], float], object]
) -> None:
    with pytest.raises(TokenError, match=rf"^{server.host} answered more than 64 KiB$"):
        fetch(server, subject, time.monotonic() + LIMIT_S)

    assert server.is_left.wait(LIMIT_S)
    assert server.sent < MOST


@pytest.mark.parametrize("fetch", TRANSPORTS.values(), ids=IDS)
def test_z10_64_kib_count_after_decompression(
    server: Server,
    subject: dict[str, object],
    bomb: bytes,
    fetch: Callable[[Server, dict[str, object], float], object],
) -> None:
    server.bomb = bomb
    tracemalloc.start()

    with pytest.raises(TokenError, match=rf"^{server.host} answered more than 64 KiB$"):
        fetch(server, subject, time.monotonic() + LIMIT_S)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_z10_doctor_holds_no_more_of_a_registrys_answer(server: Server) -> None:
    answer = registry_client.send("GET", server.url, time.monotonic() + LIMIT_S)

    assert (answer.status, len(answer.body)) == (200, http.MAX_SIZE + 1)


def test_a_compressed_answer_of_a_fair_size_is_read(server: Server) -> None:
    server.bomb = gzip.compress(json.dumps(STS).encode())

    token = oauth.exchange_refresh_token(
        parse_endpoint(server.url), "1//x", client=("i", "s"), scopes=(), deadline=time.monotonic() + LIMIT_S
    )

    assert token.value == "ya29.x"


def test_z10_what_only_says_that_it_is_compressed_is_no_answer(server: Server) -> None:
    server.bomb = b"not gzip"

    with pytest.raises(TokenError, match="answered no JSON object but bytes"):
        TRANSPORTS["refresh token"](server, {}, time.monotonic() + LIMIT_S)


def test_z25_a_malformed_variable_of_the_surrounding_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/absent")

    with pytest.raises(NetworkError) as raised:
        http.send(
            "GET", parse_endpoint("https://gcr.invalid/"), deadline=time.monotonic() + LIMIT_S, headers={}
        )

    told = "cannot ask gcr.invalid: a variable for proxies or certificates is malformed"
    hint = "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE"
    assert (str(raised.value), raised.value.hint) == (told, hint)


def test_z11_a_device_of_authorities_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tls_context.CA_FILE, "/dev/zero")

    with pytest.raises(ConfigError, match=r"cannot read '/dev/zero': not a regular file$"):
        tls_context.make_context("gcr.io")
