"""T15: which hosts and addresses the server may send requests to."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.errors import OutgoingRefused
from docker_credential_gcr.emulator.outgoing.resolver import resolve
from docker_credential_gcr.emulator.outgoing.rule import (
    OutgoingRule,
    make_rule,
    parse_address,
    parse_allowed_host,
)
from docker_credential_gcr.emulator.outgoing.target import parse_target
from docker_credential_gcr.emulator.settings import Settings

Run = Callable[..., tuple[int, str, str]]
LOCAL = OutgoingRule(loopback=True)
REMOTE = OutgoingRule(loopback=False)
NAMED = OutgoingRule(loopback=False, allowed=(("hooks.example.com", None), ("10.0.0.5", 8080)))


def is_permitted(rule: OutgoingRule, url: str, *addresses: str) -> bool:
    try:
        rule.check(parse_target(url), addresses)
    except OutgoingRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "url", "addresses", "permitted"),
    [
        (LOCAL, "http://localhost:8080/", ("127.0.0.1", "::1"), True),
        (LOCAL, "http://127.9.9.9/", ("127.9.9.9",), True),
        (LOCAL, "http://a.example.com/", ("127.0.0.1",), True),
        (LOCAL, "http://a.example.com/", ("192.0.2.1",), False),
        (LOCAL, "http://a.example.com/", ("10.0.0.5",), False),
        # One name with two addresses.
        (LOCAL, "http://a.example.com/", ("127.0.0.1", "192.0.2.1"), False),
        (LOCAL, "http://a.example.com/", ("192.0.2.1", "127.0.0.1"), False),
        (REMOTE, "http://localhost:8080/", ("127.0.0.1",), False),
        (REMOTE, "http://a.example.com/", ("192.0.2.1",), False),
        (NAMED, "https://hooks.example.com/", ("192.0.2.1", "2001:db8::1"), True),
        (NAMED, "https://HOOKS.example.com.:8443/", ("10.1.1.1",), True),
        (NAMED, "http://10.0.0.5:8080/", ("10.0.0.5",), True),
        (NAMED, "http://10.0.0.5:8081/", ("10.0.0.5",), False),
        (NAMED, "http://10.0.0.5/", ("10.0.0.5",), False),
        (NAMED, "http://hooks.example.com.evil.example/", ("192.0.2.1",), False),
        # The name's owner leads it to a service of this machine.
        (NAMED, "http://hooks.example.com/", ("127.0.0.1",), False),
        (NAMED, "http://hooks.example.com/", ("192.0.2.1", "::ffff:127.0.0.1"), False),
    ],
)
def test_t15_hosts_are_loopback_or_named(
    rule: OutgoingRule, url: str, addresses: tuple[str, ...], permitted: bool
) -> None:
    assert is_permitted(rule, url, *addresses) is permitted


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_t15_loopback_that_is_named_may_be_reached_by_a_server_of_others(text: str) -> None:
    host, port = parse_allowed_host(text)
    rule = OutgoingRule(loopback=False, allowed=((host, port),))
    address = "127.0.0.1" if host == "localhost" else host
    assert is_permitted(rule, f"http://{text}/", address)
    assert not is_permitted(rule, f"http://{text}1/", address)


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254"),
        *("100.100.100.200", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1", "ff02::1"),
        *("::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "2002:a9fe:a9fe::1"),
    ],
)
@pytest.mark.parametrize("rule", [LOCAL, OutgoingRule(loopback=True, allowed=(("a.example.com", None),))])
def test_t15_link_local_and_metadata_addresses_are_never_reached(rule: OutgoingRule, address: str) -> None:
    assert not is_permitted(rule, "http://a.example.com/", address)
    assert not is_permitted(rule, "http://a.example.com/", "127.0.0.1", address)


# What the system's resolver takes for an address, in other spellings.
@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("2852039166", "169.254.169.254"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0xa9.0xfe.0xa9.0xfe", "169.254.169.254"),
        ("[::ffff:a9fe:a9fe]", "::ffff:169.254.169.254"),
    ],
)
def test_t15_other_spellings_of_an_address_are_that_address(host: str, address: str) -> None:
    target = parse_target(f"http://{host}:80/")
    (found,) = asyncio.run(resolve(target.host, target.port))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    assert socket.inet_pton(family, found) == socket.inet_pton(family, address)
    is_loopback = address.endswith("127.0.0.1")
    assert is_permitted(LOCAL, f"http://{host}:80/", found) is is_loopback
    assert not is_permitted(REMOTE, f"http://{host}:80/", found)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "gopher://127.0.0.1:70/",
            "//127.0.0.1/",
            "127.0.0.1",
            "",
        ),
        *("http:///", "http://", "http://:80/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/"),
        *("http://127.0.0.1:x/", "http://u@127.0.0.1/", "http://u:p@127.0.0.1/", "http://@127.0.0.1/"),
        *("http://127.0.0.1#@a.example.com/", "http://127.0.0.1/#x", "http://127.0.0.1/#", "http://a\\@b/"),
        *(
            "http://127.0.0.1/\r\nHost: a",
            "http://127.0.0.1/ a",
            "http://127.0.0.1\t/",
            "http://127.0.0.1/\x00",
        ),
        *("http://ex\u00e4mple.com/", "http://127.0.0.1/\u00e4", "http://%31%32%37.0.0.1/", "http://a..b/"),
        *("http://[fe80::1%25eth0]/", "http://[::1/", "http://[x]/", "http://.a/", f"http://{'a' * 254}/"),
        f"http://a/{'a' * 2048}",
    ],
)
def test_t15_urls_of_other_forms_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(OutgoingRefused) as raised:
        parse_target(url)
    assert "127.0.0.1" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://Hooks.Example.com", "hooks.example.com", "/"),
        ("https://hooks.example.com:443/a?b=c", "hooks.example.com", "/a?b=c"),
        ("https://hooks.example.com:80?b", "hooks.example.com:80", "/?b"),
        ("http://[0:0::1]:8080/a", "[::1]:8080", "/a"),
    ],
)
def test_target_has_the_parts_of_its_url(url: str, authority: str, path: str) -> None:
    target = parse_target(url)
    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    ("settings", "loopback"),
    [
        (Settings(), True),
        (Settings(strict_admin=True, open=True), True),
        (Settings(allow_remote=True), False),
        (Settings(external_url="https://registry.example.com"), False),
        (Settings(trusted_proxies=("10.0.0.0/8",)), False),
    ],
)
def test_t15_loopback_is_for_a_server_of_this_machine_alone(settings: Settings, loopback: bool) -> None:
    assert make_rule(settings) == OutgoingRule(loopback)


def test_allowed_hosts_of_the_settings_are_the_rules() -> None:
    hosts = (("hooks.example.com", 443), ("::1", None))
    assert make_rule(Settings(allow_outgoing=hosts)) == OutgoingRule(True, hosts)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("hooks.example.com", ("hooks.example.com", None)),
        ("Hooks.Example.com.:443", ("hooks.example.com", 443)),
        ("10.0.0.5:8080", ("10.0.0.5", 8080)),
        ("[2001:DB8::1]", ("2001:db8::1", None)),
        ("[2001:db8:0::1]:65535", ("2001:db8::1", 65535)),
    ],
)
def test_allow_outgoing_is_a_host_and_perhaps_a_port(text: str, host: Any) -> None:
    assert parse_allowed_host(text) == host


@pytest.mark.parametrize(
    "text",
    ["", ":80", "a:", "a:0", "a:65536", "a:x", "http://a", "a/b", "*", "::1", "[a]", "[::1", "a b", "a@b"],
)
def test_allow_outgoing_of_another_form_is_a_usage_error(run: Run, text: str) -> None:
    code, out, err = run("serve", "--allow-outgoing", text)
    assert (code, out) == (2, "")
    assert f"'--allow-outgoing': {text!r} is not HOST or HOST:PORT, such as hooks.example.com:443: " in err


def test_pubsub_is_a_host_and_a_port_which_the_server_may_reach() -> None:
    address = parse_address("LocalHost:8085")
    assert address == ("localhost", 8085)
    rule = make_rule(Settings(pubsub=address, allow_remote=True))
    assert rule == OutgoingRule(False, (address,))
    rule.check(parse_target("http://localhost:8085/v1"), ["127.0.0.1", "::1"])
    for url in ("http://localhost:8086/", "http://127.0.0.1:8085/"):
        with pytest.raises(OutgoingRefused):
            rule.check(parse_target(url), ["127.0.0.1"])


@pytest.mark.parametrize(
    "text", ["", "localhost", "localhost:", "localhost:0", "http://a:80", "::1", "[::1]", "a/b:1"]
)
def test_pubsub_of_another_form_is_a_usage_error(run: Run, text: str) -> None:
    code, out, err = run("serve", "--pubsub", text)
    assert (code, out) == (2, "")
    assert f"'--pubsub': {text!r} is not HOST:PORT, such as localhost:8085: " in err


def test_refusals_name_the_option_that_helps() -> None:
    async def find(_host: str, _port: int) -> list[str]:
        return ["192.0.2.1"]

    with pytest.raises(OutgoingRefused) as raised:
        asyncio.run(OutgoingClient(LOCAL, resolve=find).check("https://a.example.com:8443/secret?token=x"))
    assert str(raised.value) == (
        "gcr-emulator may not send requests to a.example.com, which has the address 192.0.2.1: "
        "restart the server with --allow-outgoing a.example.com:8443"
    )
    with pytest.raises(OutgoingRefused) as raised:
        REMOTE.check(parse_target("http://localhost:8080/"), ["::1"])
    assert str(raised.value) == (
        "localhost has the loopback address ::1, and the server also serves other machines: "
        "restart it with --allow-outgoing [::1]:8080, and name [::1] in the URL"
    )
