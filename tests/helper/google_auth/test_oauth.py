"""Token endpoint: the requests that it gets, and each kind of response."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google.auth.jwt
import pytest

from docker_credential_gcr.errors import NetworkError, TokenRefused
from docker_credential_gcr.helper.google_auth import oauth, service_account
from docker_credential_gcr.helper.tokens import AccessToken

NOW = 1_700_000_000.9


@pytest.fixture
def exchange(make_key: Callable[..., Path]) -> Callable[..., AccessToken]:
    def run(timeout_s: float = 30, **fields: Any) -> AccessToken:
        key = service_account.parse_key("k.json", json.loads(make_key(**fields).read_text()))
        return oauth.exchange_assertion(
            key, scopes=("a", "b"), deadline=time.monotonic() + timeout_s, now=lambda: NOW
        )

    return run


def test_a_signed_assertion_buys_a_token(exchange: Callable[..., AccessToken], token_server: Any) -> None:
    token = exchange()

    assert (token.value, token.obtained_at, token.expires_at) == ("ya29.1", 1_700_000_000, 1_700_003_600)
    (form,) = token_server.requests
    header, claims, _, _ = google.auth.jwt._unverified_decode(form.pop("assertion"))
    assert form == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    assert header == {"typ": "JWT", "alg": "RS256", "kid": "0" * 40}
    assert claims == {
        "iss": "ci@my-project.iam.gserviceaccount.com",
        "scope": "a b",
        "aud": token_server.url,
        "iat": 1_699_999_990,
        "exp": 1_700_003_590,
    }


def token(**members: object) -> bytes:
    answer = {"access_token": "ya29.x", "expires_in": 3600} | members
    return json.dumps({name: value for name, value in answer.items() if value is not None}).encode()


def test_an_answer_in_small_pieces_is_read_whole(
    exchange: Callable[..., AccessToken], token_server: Any, answer: Any
) -> None:
    pieces = [b"%x\r\n%s\r\n" % (1, bytes([byte])) for byte in token()]
    token_server.answers = [answer(200, b"".join([*pieces, b"0\r\n\r\n"]), {"Transfer-Encoding": "chunked"})]

    assert exchange().value == "ya29.x"


REFUSALS = [
    (
        400,
        b'{"error":"invalid_grant","error_description":"Invalid JWT Signature."}',
        "answered 400: invalid_grant: Invalid JWT Signature.",
    ),
    (400, b'{"error":"a\\nb\\u001b[31m"}', "answered 400: a b?[31m"),
    (400, b'{"error":["x"]}', "answered 400"),
    (401, b"", "answered 401"),
    (
        403,
        b'{"error":{"code":403,"status":"PERMISSION_DENIED","message":"no"}}',
        "answered 403: PERMISSION_DENIED: no",
    ),
    (404, b"<html>", "answered 404"),
    (302, b"", "redirects (302) instead of answering"),
    (307, token(), "redirects (307) instead of answering"),
    (200, b"<html>hotel</html>", "answered no JSON object but text/html"),
    (200, b"[]", "answered no JSON object but text/html"),
    (200, b"[" * 60000, "answered no JSON object but text/html"),
    (200, b"\xff", "answered no JSON object but text/html"),
    (200, b"x" * 70000, "answered more than 64 KiB"),
    (200, token(access_token=None), "answered without an access token"),
    (200, token(access_token=""), "answered without an access token"),
    (200, token(access_token=1), "answered without an access token"),
    (200, token(access_token="a\nb"), "answered an access token that cannot be sent"),
    (200, token(access_token="é"), "answered an access token that cannot be sent"),
    (200, token(expires_in=None), "answered an access token with expires_in None"),
    (200, token(expires_in="3600"), "answered an access token with expires_in '3600'"),
    (200, token(expires_in=0), "answered an access token with expires_in 0"),
    (200, token(expires_in=-1), "answered an access token with expires_in -1"),
    (200, token(expires_in=True), "answered an access token with expires_in True"),
    (200, token(expires_in=10**12), "answered an access token with expires_in 1000000000000"),
]


@pytest.mark.parametrize(
    ("status", "body", "fault"), REFUSALS, ids=[f"38-{number}" for number in range(len(REFUSALS))]
)
def test_edge_38_anything_but_a_token_is_refused_in_a_line(
    exchange: Callable[..., AccessToken], token_server: Any, answer: Any, status: int, body: bytes, fault: str
) -> None:
    headers = {"Content-Type": "text/html; charset=utf-8", "Location": token_server.url}
    token_server.answers = [answer(status, body, headers)]

    with pytest.raises(TokenRefused) as raised:
        exchange()

    assert str(raised.value) == f"{token_server.host} {fault}"
    assert len(token_server.requests) == 1  # no redirect was followed, nothing was asked twice


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_edge_38_a_passing_fault_is_tried_again(
    exchange: Callable[..., AccessToken], token_server: Any, answer: Any, status: int
) -> None:
    token_server.answers = [answer(status, b"", {"Retry-After": "0"})] * 2

    assert exchange().value == "ya29.3"


def test_edge_38_a_lasting_fault_is_tried_three_times(
    exchange: Callable[..., AccessToken], token_server: Any, answer: Any
) -> None:
    token_server.answers = [answer(503, b"", {"Retry-After": "0"})] * 9

    with pytest.raises(TokenRefused) as raised:
        exchange()

    assert str(raised.value) == f"{token_server.host} answered 503"
    assert len(token_server.requests) == 3


def test_edge_38_a_pause_beyond_the_deadline_is_not_waited_for(
    exchange: Callable[..., AccessToken], token_server: Any, answer: Any
) -> None:
    token_server.answers = [answer(429, b"", {"Retry-After": "3600"})] * 2

    with pytest.raises(TokenRefused):
        exchange()

    assert len(token_server.requests) == 1


def test_edge_38_an_endpoint_that_does_not_answer_is_left_at_the_deadline(
    exchange: Callable[..., AccessToken], token_server: Any
) -> None:
    token_server.is_silent = True

    with pytest.raises(NetworkError) as raised:
        exchange(timeout_s=0.3)

    assert str(raised.value) == f"{token_server.host} did not answer in time"


def test_edge_38_an_endpoint_that_is_not_there_is_named(exchange: Callable[..., AccessToken]) -> None:
    with pytest.raises(NetworkError) as raised:
        exchange(token_uri="http://localhost:1/token")

    assert str(raised.value) == "cannot reach localhost:1: Connection refused"


def test_edge_38_a_proxy_is_not_asked_for_a_loopback_endpoint(
    exchange: Callable[..., AccessToken], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://localhost:1")
    monkeypatch.setenv("http_proxy", "http://localhost:1")

    assert exchange().value == "ya29.1"
