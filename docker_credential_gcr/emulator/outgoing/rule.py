"""The rule of outgoing HTTP: which hosts and addresses the server may send requests to.

    the host                                      may be reached
    has a link-local or metadata address          never
    is named by serve --allow-outgoing, --pubsub  yes; at a loopback address only if it is a loopback name
    has loopback addresses alone                  while the server itself listens on loopback alone
    any other                                     no

A host is checked by the addresses that its name resolves to. One forbidden address forbids all of them: a
name with two addresses leads to either.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from docker_credential_gcr.emulator.settings import Settings

from .errors import OutgoingRefused
from .target import Target, parse_host

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# A host, and the port, or None for each port.
AllowedHost = tuple[str, int | None]

# Metadata servers outside the link-local networks: Amazon's and Google's by IPv6, Alibaba's, Azure's.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")
)
# https://www.rfc-editor.org/rfc/rfc6052: the last 32 bits are an IPv4 address.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Also local networks of a NAT64. https://www.rfc-editor.org/rfc/rfc8215
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")


@dataclass(frozen=True)
class OutgoingRule:
    """What the server may reach: loopback or not, and the hosts that its options name."""

    loopback: bool
    allowed: tuple[AllowedHost, ...] = ()

    def check(self, target: Target, addresses: Iterable[str]) -> None:
        """Raises OutgoingRefused unless the server may connect to each of the addresses of the target."""
        named = any(host == target.host and port in (None, target.port) for host, port in self.allowed)
        for text in addresses:
            address = _unwrap(ipaddress.ip_address(text))
            if _is_forbidden(address):
                raise OutgoingRefused(
                    f"{target.host} has the address {address}, which gcr-emulator never sends requests to: "
                    "name another host"
                )
            if address.is_loopback and (self.loopback or (named and is_loopback_name(target.host))):
                continue
            if not named or address.is_loopback:
                raise OutgoingRefused(self._explain(target, address))

    def _explain(self, target: Target, address: Address) -> str:
        if address.is_loopback:
            literal = str(address) if address.version == 4 else f"[{address}]"
            return (
                f"{target.host} has the loopback address {address}, and the server also serves other "
                f"machines: restart it with --allow-outgoing {literal}:{target.port}, and name {literal} "
                "in the URL"
            )
        return (
            f"gcr-emulator may not send requests to {target.host}, which has the address {address}: "
            f"restart the server with --allow-outgoing {target.authority}"
        )


def make_rule(settings: Settings) -> OutgoingRule:
    """Returns the rule of a server: one that serves others could be led to services of its own machine."""
    named = () if settings.pubsub is None else (settings.pubsub,)
    is_local = not (settings.allow_remote or settings.is_proxied)
    return OutgoingRule(is_local, (*settings.allow_outgoing, *named))


def parse_allowed_host(text: str) -> AllowedHost:
    """Parses HOST[:PORT] of --allow-outgoing; an IPv6 address is in brackets. Raises OutgoingRefused."""
    host, port = text, ""
    if not text.endswith("]") and ":" in text:
        host, _, port = text.rpartition(":")
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65_535):
            raise OutgoingRefused("the port is not a number from 1 to 65535")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed != (":" in host):
        raise OutgoingRefused("an IPv6 address is in brackets, and a host has no scheme")
    return parse_host(host[1:-1] if bracketed else host), int(port) if port else None


def parse_address(text: str) -> tuple[str, int]:
    """Parses HOST:PORT of --pubsub, as HOST[:PORT] of --allow-outgoing. Raises OutgoingRefused."""
    host, port = parse_allowed_host(text)
    if port is None:
        raise OutgoingRefused("name the port")
    return host, port


def _unwrap(address: Address) -> Address:
    """Returns the IPv4 address that an IPv6 address leads to, if it leads to one."""
    if address.version == 4:
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_forbidden(address: Address) -> bool:
    """Returns whether no option allows an address; Linux takes 0.0.0.0 for loopback."""
    special = address.is_link_local or address.is_multicast or address.is_unspecified
    return special or address in _METADATA or (address.version == 6 and address in _LOCAL_NAT64)


def is_loopback_name(host: str) -> bool:
    """Returns whether a host is named as loopback, whatever its name resolves to."""
    if host == "localhost":
        return True
    try:
        return _unwrap(ipaddress.ip_address(host)).is_loopback
    except ValueError:
        return False
