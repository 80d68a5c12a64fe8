"""Trusted proxies: their X-Forwarded-For names the client, in any form, and never what a client invents."""

import asyncio
import ipaddress
import json
import random
from typing import Any

import pytest
import requests

from docker_credential_gcr.emulator.middleware.rate_limit import RateLimiter
from docker_credential_gcr.emulator.middleware.trusted_proxies import TrustedProxies
from docker_credential_gcr.emulator.runtime.errors import TooManyRequests

PROXIES = TrustedProxies(("10.0.0.0/8", "fd00::/8", "192.0.2.7/32"))


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        ("10.1.2.3", ["203.0.113.9"], "203.0.113.9"),
        # The header of a peer that is no trusted proxy is ignored.
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("192.0.2.8", ["198.51.100.1"], "192.0.2.8"),
        ("unix", ["198.51.100.1"], "unix"),
        # A client has sent the first address itself.
        ("10.1.2.3", ["198.51.100.66, 203.0.113.9"], "203.0.113.9"),
        ("10.1.2.3", ["198.51.100.66, 203.0.113.9, 10.9.9.9, 192.0.2.7"], "203.0.113.9"),
        # Several headers are one list, in their order.
        ("10.1.2.3", ["198.51.100.66", "203.0.113.9,10.0.0.1", "10.0.0.2"], "203.0.113.9"),
        # All are proxies: the first of them is the client.
        ("10.1.2.3", ["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", [""], "10.1.2.3"),
        # Ports and brackets.
        ("10.1.2.3", ["203.0.113.9:51234"], "203.0.113.9"),
        ("fd00::1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("fd00::1", ["[2001:db8::1]"], "2001:db8::1"),
        ("fd00::1", ["2001:DB8:0:0::1"], "2001:db8::1"),
        ("::ffff:10.1.2.3", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("10.1.2.3", ["\t203.0.113.9 \t"], "203.0.113.9"),
        # What stands before something malformed is not believed.
        ("10.1.2.3", ["unknown"], "10.1.2.3"),
        ("10.1.2.3", ["203.0.113.9, unknown"], "10.1.2.3"),
        ("10.1.2.3", ["203.0.113.9, unknown, 10.0.0.5"], "10.0.0.5"),
        ("10.1.2.3", ["203.0.113.9,, ", ""], "203.0.113.9"),
        ("10.1.2.3", ["203.0.113.9, 10.0.0.300"], "10.1.2.3"),
        ("10.1.2.3", ["203.0.113.9, " + ", ".join(["10.0.0.1"] * 19)], "203.0.113.9"),
        ("10.1.2.3", ["203.0.113.9, " + ", ".join(["10.0.0.1"] * 30)], "10.0.0.1"),
        ("10.1.2.3", ["1" * 100_000], "10.1.2.3"),
    ],
)
def test_s3_client_is_the_last_address_that_is_no_trusted_proxy(
    peer: str, lines: list[str], client: str
) -> None:
    assert PROXIES.find_client(peer, lines) == client


def test_s3_no_value_raises() -> None:
    chance = random.Random(1)
    letters = "0123456789abcdef.:,[]%/ \t\"'\x00\xff="
    for _ in range(20_000):
        value = "".join(chance.choices(letters, k=chance.randrange(40)))
        client = PROXIES.find_client("10.1.2.3", [value])
        assert str(ipaddress.ip_address(client)) == client


def test_s3_rates_are_those_of_clients_behind_a_trusted_proxy_alone() -> None:
    sent: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        sent.append(scope["client"][0])

    limited = PROXIES.wrap(RateLimiter(rate=1, burst=2, now=lambda: 0.0).wrap(app))

    def ask(peer: str, client: str) -> bool:
        scope = {"client": (peer, "1"), "headers": [(b"x-forwarded-for", client.encode())]}
        try:
            asyncio.run(limited(scope, None, None))  # type: ignore[arg-type]
        except TooManyRequests:
            return False
        return True

    assert [ask("10.0.0.1", "203.0.113.1") for _ in range(3)] == [True, True, False]
    assert [ask("10.0.0.2", "203.0.113.2") for _ in range(3)] == [True, True, False]
    # An untrusted peer is one client, whatever it sends.
    assert [ask("198.51.100.1", f"203.0.113.{number}") for number in range(3, 6)] == [True, True, False]
    # The connection stays that of the proxy.
    assert sent == ["10.0.0.1"] * 2 + ["10.0.0.2"] * 2 + ["198.51.100.1"] * 2


@pytest.mark.parametrize(("trusted", "peer"), [("127.0.0.0/8", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")])
def test_s3_log_names_the_client_of_a_trusted_proxy(
    make_server: Any, tmp_path: Any, trusted: str, peer: str
) -> None:
    server = make_server(tmp_path / "data", "--trusted-proxy", trusted, "--log-format", "json")
    server.start()
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Request-Id": "mine"}
    requests.get(f"{server.ready['url']}/v2/", headers=headers, timeout=30)
    server.terminate()
    _, log = server.await_end()

    (line,) = [line for line in map(json.loads, log.splitlines()) if line["request_id"] == "mine"]
    assert line["peer"] == peer


def test_s3_no_request_is_local_with_a_trusted_proxy(make_server: Any, tmp_path: Any) -> None:
    # Also not one of a proxy that adds no header, or of a program: both look the same.
    server = make_server(tmp_path / "data", "--trusted-proxy", "127.0.0.1")
    server.start()
    url = f"{server.ready['url']}/_emulator/journal"
    token = (tmp_path / "data" / "keys" / "operator-token").read_text().strip()

    assert requests.get(url, timeout=30).status_code == 401
    assert requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 200
