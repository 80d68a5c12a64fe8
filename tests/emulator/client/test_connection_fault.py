"""Connection faults (D22): the message about a wrong scheme names the right one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.servers.tls_registry import TlsRegistry

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TlsRegistry]:
    registry = TlsRegistry(tmp_path)
    yield registry
    registry.close()


def test_d22_https_to_a_server_without_tls_names_http(gcr_emulator: Any, run: Run) -> None:
    address = gcr_emulator.url.removeprefix("http://")

    assert run("project", "list", "--server", f"https://{address}") == (
        1,
        "",
        f"gcr-emulator: the server at {address} does not speak TLS: name it with --server http://{address}\n",
    )


def test_d22_http_to_a_server_with_tls_names_https(tls: TlsRegistry, run: Run) -> None:
    assert run("project", "list", "--server", f"http://{tls.host}") == (
        1,
        "",
        f"gcr-emulator: the server at {tls.host} speaks TLS: name it with --server https://{tls.host}\n",
    )


def test_d22_a_certificate_that_is_not_trusted_is_still_told_apart(tls: TlsRegistry, run: Run) -> None:
    code, out, err = run("project", "list", "--server", f"https://{tls.host}")

    assert (code, out) == (1, "")
    assert err == (
        f"gcr-emulator: the certificate of https://{tls.host} is not trusted: "
        "name its authority, DATA/keys/ca.pem, with --ca\n"
    )
