"""Ports that are one site each: whatever comes in there is for that host, as if the Host header named it.

    gcr-emulator serve --site eu.gcr.io=5001

So a client that can be given an address but no name reaches each registry under an address of its own.
The Host header stays what it is: a challenge's realm and service carry it, as the client can reach no other.
"""

from .hosts import find_canonical_host

SitePort = tuple[str, int]

# In the scope of each request at such a port: the host that it is for.
PORT_SITE = "gcr_emulator.site"
_LAST_PORT = 65_535


class InvalidSite(ValueError):
    """Not a host of the emulator's and a port; the message says why."""


def parse_site_port(text: str) -> SitePort:
    """The host and the port of HOST=PORT, 0 for any that is free. Raises InvalidSite."""
    name, _, port = text.partition("=")
    host = find_canonical_host(name)
    if host is None or ":" in name:
        raise InvalidSite(f"{name[:100]!r} is no host that the emulator serves, such as eu.gcr.io")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= _LAST_PORT):
        raise InvalidSite(f"{text[:100]!r} has no port: expected {host}=PORT")
    return host, int(port)
