"""Trusted proxies (serve --trusted-proxy): their X-Forwarded-For names the client, for rate limit and log.

A client can send the header too, so only the end of it is believed: each trusted proxy has appended the
address from which it got the request. https://httpwg.org/specs/rfc7239.html#rfc.section.7.4
"""

import ipaddress
import re
from collections.abc import Awaitable, Iterable

from docker_credential_gcr.emulator.runtime.asgi import CLIENT_ADDRESS, App, Message, Receive, Send

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# More proxies than any request passes; and more characters than an address and a port have.
_MAX_PROXIES = 20
_MAX_SIZE = 64
# [2001:db8::1]:443, 192.0.2.1:443; an address alone is parsed without it.
_WITH_PORT = re.compile(r"\[(?P<bracketed>[^\]]+)\](?::[0-9]+)?|(?P<ipv4>[0-9.]+):[0-9]+")


class TrustedProxies:
    """The networks of the load balancers, such as 10.0.0.0/8."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def wrap(self, app: App) -> App:
        """Returns `app` with the address of the client in each scope."""

        # A plain function, as those of the other layers.
        def addressed(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
            lines = [
                value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
            ]
            scope[CLIENT_ADDRESS] = self.find_client(scope["client"][0], lines)
            return app(scope, receive, send)

        return addressed

    def find_client(self, peer: str, lines: Iterable[str]) -> str:
        """Returns the last address that is not a trusted proxy's; `lines` are the headers X-Forwarded-For.

        What stands before an address that cannot be parsed may be the client's invention: it is ignored.
        """
        found, client = parse_address(peer), peer
        # The rest before the last proxies is one text, which is no address.
        for text in reversed(",".join(lines).rsplit(",", _MAX_PROXIES)):
            if not text.strip(" \t"):  # an empty element of a list counts as absent
                continue
            if found is None or not any(found in network for network in self._networks):
                break
            found = parse_address(text.strip(" \t"))
            if found is not None:
                client = str(found)
        return client


def parse_address(text: str) -> Address | None:
    """Returns the address of a text with or without a port; None for anything else.

    An IPv4 address that is written as IPv6 becomes an IPv4 address.
    """
    if len(text) > _MAX_SIZE:
        return None
    if (match := _WITH_PORT.fullmatch(text)) is not None:
        text = match["bracketed"] or match["ipv4"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
