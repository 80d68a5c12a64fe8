"""Administrative APIs accept a token, or a program on this machine, but never a web page."""

import pytest

from docker_credential_gcr.emulator.identity.administrators import (
    FORWARDING_HEADERS,
    NotAnAdministrator,
    find_administrator,
)
from docker_credential_gcr.emulator.identity.credentials import InvalidCredential
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal

ACCOUNT = Principal("serviceAccount:ci@my-project.iam.gserviceaccount.com", frozenset(), "k1")


def verify(token: str) -> Principal:
    if token != "good":
        raise InvalidCredential("expired")
    return ACCOUNT


def find(
    headers: dict[str, str], peer: str = "127.0.0.1", *, strict: bool = False, operator_token: str = "op"
) -> Principal | str:
    """Returns the principal, or the text of the refusal."""
    try:
        return find_administrator(headers, peer, operator_token=operator_token, strict=strict, verify=verify)
    except NotAnAdministrator as refusal:
        return str(refusal)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("authorization", "found"),
    [
        ("Bearer op", OPERATOR),
        ("bearer op", OPERATOR),
        ("Bearer good", ACCOUNT),
        ("Bearer bad", "expired"),
        ("Bearer ", "expired"),
        ("Bearer é", "expired"),
        ("Basic op", "not a bearer token"),
        ("op", "not a bearer token"),
    ],
)
def test_a_token_decides_wherever_it_comes_from(
    authorization: str, found: Principal | str, strict: bool
) -> None:
    headers = {"host": "emulator.example.com", "authorization": authorization, "origin": "https://a.example"}

    assert find(headers, "10.0.0.9", strict=strict) == found


def test_no_operator_token_is_not_an_empty_one() -> None:
    assert find({"host": "localhost", "authorization": "Bearer "}, operator_token="") == "expired"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["localhost:5000", "LOCALHOST", "127.0.0.1:5000", "[::1]:5000", "gcr.io.localhost"]
)
def test_a_program_on_this_machine_is_the_operator_unless_strict(peer: str, host: str) -> None:
    assert find({"host": host}, peer) == OPERATOR
    assert find({"host": host}, peer, strict=True) == "no access token, and this server demands one"


@pytest.mark.parametrize(
    ("headers", "peer"),
    [
        ({"host": "localhost"}, "192.168.1.4"),
        ({"host": "localhost"}, ""),
        ({}, "127.0.0.1"),
        ({"host": "emulator.example.com"}, "127.0.0.1"),
        ({"host": "localhost.example.com"}, "127.0.0.1"),
        ({"host": "127.0.0.1.example.com"}, "127.0.0.1"),
        ({"host": "gcr.io"}, "127.0.0.1"),
        ({"host": "localhost", "origin": "https://example.com"}, "127.0.0.1"),
        ({"host": "localhost", "origin": "null"}, "127.0.0.1"),
        ({"host": "localhost", "sec-fetch-site": "cross-site"}, "127.0.0.1"),
        ({"host": "localhost", "sec-fetch-site": "same-site"}, "127.0.0.1"),
    ],
    ids=[
        "remote peer",
        "unknown peer",
        "no Host",
        "rebound name",
        "name like localhost",
        "name like an address",
        "Google's name",
        "page of a site",
        "page without a site",
        "cross-site",
        "another port's page",
    ],
)
def test_nothing_else_is(headers: dict[str, str], peer: str) -> None:
    assert find(headers, peer) == "no access token, and the request is not from this machine alone"


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_request_typed_into_a_browser_is_local(site: str) -> None:
    assert find({"host": "localhost", "sec-fetch-site": site}) == OPERATOR


@pytest.mark.parametrize(
    "name", sorted({*FORWARDING_HEADERS, "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"})
)
def test_d_z18_a_request_that_says_it_was_forwarded_is_not_local(name: str) -> None:
    message = f"no access token, and a proxy forwarded the request (header {name}): send the operator token"

    assert find({"host": "localhost", name: ""}) == message
    assert find({"host": "localhost", name: "", "authorization": "Bearer op"}) == OPERATOR


@pytest.mark.parametrize("name", ["x-request-id", "x-goog-request-params", "traceparent", "user-agent"])
def test_d_z18_other_headers_of_a_client_leave_it_local(name: str) -> None:
    assert find({"host": "localhost", name: "x"}) == OPERATOR
