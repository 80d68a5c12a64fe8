"""Redirect URIs: a code is sent to this machine or to a page of the client, and to no other host."""

import pytest

from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS
from docker_credential_gcr.helper.token_sources.credential_file import CLIENT

CLOUD_SDK, ADC, HELPER = CLIENTS.values()

TAKEN = [
    "http://localhost",
    "http://localhost/",
    "http://localhost:8085/",
    "http://127.0.0.1:1",
    "http://127.0.0.1:65535/callback?a=b&c=%20",
    "http://[::1]:8085/",
]
REFUSED = [
    "",
    "/",
    "//localhost/",
    "localhost",
    "http:localhost",
    "http://",
    "http://:80/",
    "https://localhost:8085/",
    "HTTP://localhost/",
    "ftp://localhost/",
    "javascript://localhost/%0aalert(1)",
    "data:text/html,x",
    "urn:ietf:wg:oauth:2.0:oob",
    "http://evil.example/",
    "http://localhost.evil.example/",
    "http://evil.example:80/localhost",
    "http://localhost@evil.example/",
    "http://localhost:80@evil.example/",
    "http://user:password@localhost/",
    "http://evil.example#@localhost/",
    "http://localhost#fragment",
    "http://localhost/#fragment",
    "http://localhost\\@evil.example/",
    "http://localhost/\\evil.example",
    "http://localhost%2eevil.example/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://app.localhost/",
    "http://127.0.0.2/",
    "http://127.1/",
    "http://2130706433/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::1%25eth0]/",
    "http://169.254.169.254/",
    "http://localhost:0/",
    "http://localhost:65536/",
    "http://localhost:80a/",
    "http://localhost:/",
    "http://localhost/a b",
    "http://localhost/\t",
    "http://localhost/\r\nSet-Cookie: a=b",
    " http://localhost/",
    "http://localhost/ä",
    "http://lоcalhost/",  # noqa: RUF001 - a Cyrillic o
    "http://localhost/" + "a" * 1024,
    "https://sdk.cloud.google.com/authcode.html/",
    "https://sdk.cloud.google.com/applicationdefaultauthcode.html",
]


@pytest.mark.parametrize("uri", TAKEN)
def test_a_code_may_go_to_any_port_of_this_machine(uri: str) -> None:
    assert [client.accepts(uri) for client in CLIENTS.values()] == [True, True, True]


@pytest.mark.parametrize("uri", REFUSED)
def test_a_code_goes_nowhere_else(uri: str) -> None:
    assert not CLOUD_SDK.accepts(uri)


def test_a_page_that_shows_the_code_is_its_clients_alone() -> None:
    page = "https://sdk.cloud.google.com/authcode.html"

    assert [client.accepts(page) for client in CLIENTS.values()] == [True, False, False]


def test_the_helpers_own_client_is_known() -> None:
    assert (HELPER.client_id, HELPER.secret) == CLIENT


def test_a_secret_is_its_clients_alone() -> None:
    assert [client.has_secret(HELPER.secret) for client in CLIENTS.values()] == [False, False, True]
    assert not HELPER.has_secret("")
    assert not HELPER.has_secret("é")
