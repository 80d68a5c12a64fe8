"""Limits of request headers in docs/operations.md: each at its value, and one above."""

import re
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.checkout import DOCS

PAGE = (DOCS / "operations.md").read_text("utf-8")
SENTENCE = re.compile(
    r"More than ([0-9,]+) headers, .* up to\s+([0-9,]+) bytes .* over\s+([0-9,]+)", re.DOTALL
)
NUMBER, TAKEN, REFUSED = (int(figure.replace(",", "")) for figure in SENTENCE.search(PAGE).groups())  # type: ignore[union-attr]
HOST, METHOD = (
    int(re.findall(pattern, PAGE)[0])
    for pattern in (r"A `Host` of more than (\d+) bytes", r"A method of more than (\d+) letters")
)
FIRST = b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n"


def ask(gcr_emulator: Any, headers: bytes, first: bytes = FIRST) -> bytes:
    """Returns the status for these headers; None if the connection is closed before their end."""
    url = urlsplit(gcr_emulator.url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(first + headers + b"\r\n")
        with suppress(ConnectionResetError):
            return connection.recv(4096).split()[1]
    return b""


@pytest.mark.parametrize(
    ("number", "status"), [(NUMBER, 401), (NUMBER + 1, 431)], ids=["J-Z65-the bound", "J-Z65-one beyond"]
)
def test_z65_headers_are_bounded_by_number(gcr_emulator: Any, number: int, status: int) -> None:
    headers = b"".join(b"X-%d: a\r\n" % index for index in range(number - 1))  # and Host

    assert ask(gcr_emulator, headers) == b"%d" % status


@pytest.mark.parametrize("name", [b"X-A", b"Authorization"], ids=lambda name: f"J-Z65-{name.decode()}")
@pytest.mark.parametrize(("size", "statuses"), [(TAKEN, (b"401",)), (REFUSED + 1, (b"431", b""))])
def test_z65_headers_are_bounded_by_size(
    gcr_emulator: Any, name: bytes, size: int, statuses: tuple[bytes, ...]
) -> None:
    rest = size - len(FIRST) - len(name) - len(b": \r\n\r\n")

    assert ask(gcr_emulator, name + b": " + b"a" * rest + b"\r\n") in statuses


@pytest.mark.parametrize(
    ("size", "status"), [(HOST, b"200"), (HOST + 1, b"400")], ids=["J-Z65-the bound", "J-Z65-one beyond"]
)
def test_z65_the_host_is_bounded(gcr_emulator: Any, size: int, status: bytes) -> None:
    host = b".".join([b"a" * 63] * 5)[: size - 6] + b":65535"

    assert ask(gcr_emulator, b"", b"GET /healthz HTTP/1.1\r\nHost: %s\r\n" % host) == status


@pytest.mark.parametrize(
    ("size", "status"), [(METHOD, b"404"), (METHOD + 1, b"501")], ids=["J-Z65-the bound", "J-Z65-one beyond"]
)
def test_z65_the_method_is_bounded(gcr_emulator: Any, size: int, status: bytes) -> None:
    first = FIRST.replace(b"GET", b"A" * size)

    assert ask(gcr_emulator, b"", first) == status
