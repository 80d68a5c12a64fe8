"""Connection faults (D11): the hint for a failed connection mends its cause."""

import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.servers.tls_registry import TlsRegistry

from docker_credential_gcr.helper.google_auth import connection_faults
from docker_credential_gcr.helper.token_sources import metadata

START = "the emulator is not running: start it with `gcr-emulator serve`"
TRUST = (
    "name the emulator's authority, DATA/keys/ca.pem, in DOCKER_CREDENTIAL_GCR_CA_FILE; "
    "`gcr-emulator trust` makes docker trust it"
)
ERRORS: dict[str, tuple[BaseException, str, str]] = {
    "d11-refused": (ConnectionRefusedError(), "gcr.io", connection_faults.REFUSED),
    "d11-refused on loopback": (ConnectionRefusedError(), "localhost:5000", connection_faults.REFUSED),
    "d11-name": (socket.gaierror(-2, "unknown"), "gcr.invalid", connection_faults.NAME),
    "d11-untrusted": (ssl.SSLCertVerificationError(), "gcr.io", connection_faults.UNTRUSTED),
    "d11-untrusted on loopback": (ssl.SSLCertVerificationError(), "[::1]:5000", connection_faults.UNTRUSTED),
    "d11-plain": (ssl.SSLError(1, "wrong version number"), "gcr.io", connection_faults.PLAIN),
    "d11-timed out": (TimeoutError(), "gcr.io", connection_faults.SILENT),
    "d11-proxy": (connection_faults.ProxyFault(ConnectionRefusedError()), "gcr.io", connection_faults.PROXY),
    "d11-anything else": (ConnectionResetError(), "gcr.io", connection_faults.DOWN),
}
HINTS = {
    "d11-refused on loopback": START,
    "d11-untrusted on loopback": TRUST,
}


@pytest.mark.parametrize("name", ERRORS)
def test_each_cause_has_a_hint_of_its_own(name: str) -> None:
    error, host, cause = ERRORS[name]
    wrapped = requests.ConnectionError(error)

    assert connection_faults.classify(wrapped) == cause
    assert connection_faults.find_hint(cause, host) == HINTS.get(name, connection_faults.HINTS[cause])


def test_d11_no_two_causes_share_a_hint() -> None:
    hints = [*connection_faults.HINTS.values(), *connection_faults.LOOPBACK_HINTS.values()]

    assert len(set(hints)) == len(hints)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TlsRegistry]:
    registry = TlsRegistry(tmp_path)
    yield registry
    registry.close()


@pytest.fixture
def ask(helper: Any, make_key: Callable[..., Path]) -> Callable[[str], tuple[str, str]]:
    """Returns a function that gets a token with a key for a token URL, and returns stdout and the hint."""

    def run(token_uri: str) -> tuple[str, str]:
        source = f"file:{make_key(token_uri=token_uri)}"
        helper.configure({"Registries": {"localhost:5000": {"TokenSources": [source]}}})
        outcome = helper("get", stdin="localhost:5000")
        assert outcome.status == 1
        return outcome.stdout.rpartition(": ")[2], outcome.stderr.splitlines()[1].removeprefix("hint: ")

    return run


def test_d11_a_token_endpoint_that_is_not_running(ask: Callable[[str], tuple[str, str]]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = ask(f"http://localhost:{closed.getsockname()[1]}/token")

    assert outcome == ("Connection refused\n", START)


def test_d11_a_certificate_that_is_not_trusted(
    ask: Callable[[str], tuple[str, str]], tls: TlsRegistry
) -> None:
    assert ask(f"https://{tls.host}/token")[1] == TRUST


def test_d11_http_to_a_port_that_speaks_tls(ask: Callable[[str], tuple[str, str]], tls: TlsRegistry) -> None:
    assert ask(f"http://{tls.host}/token")[1] == "this port speaks TLS: use https:// in its URL"


def test_d11_https_to_a_port_that_speaks_plain_http(
    ask: Callable[[str], tuple[str, str]], token_server: Any
) -> None:
    assert (
        ask(f"https://{token_server.host}/token")[1] == "this port does not speak TLS: use http:// in its URL"
    )


def test_d11_the_metadata_source_on_a_machine_that_is_not_googles(helper: Any) -> None:
    if metadata.is_google_machine(sys.platform, metadata.PRODUCT_FILE):
        pytest.skip("this is a Google Cloud machine: run this test on another")
    helper.configure({"TokenSources": ["metadata"]})

    # This machine's name server may not know the name: a proxy on a closed port fails on every network.
    outcome = helper(
        "get", stdin="gcr.io", HTTP_PROXY="http://127.0.0.1:1", DOCKER_CREDENTIAL_GCR_TIMEOUT="5"
    )

    assert outcome.stderr.splitlines()[1:] == [
        "hint: this is not a Google Cloud machine: configure another token source than metadata"
    ]
