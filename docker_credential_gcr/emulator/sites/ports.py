"""Site ports: each is for one host, as if every request's Host header named it.

    gcr-emulator serve --site eu.gcr.io=5001

So a client that can use an address, but not Google's name, reaches each registry at its own address. The Host
header stays as received: the challenge's realm and service contain it, because the client can reach it.
"""

from .hosts import find_canonical_host

SitePort = tuple[str, int]

# The key, in the ASGI scope of a request at such a port, of the host that it is for.
PORT_SITE = "gcr_emulator.site"
_LAST_PORT = 65_535


class InvalidSite(ValueError):
    """Text that is not a host of the emulator and a port; the message says why."""


def parse_site_port(text: str) -> SitePort:
    """Parses HOST=PORT; port 0 is any free one. Raises InvalidSite."""
    name, _, port = text.partition("=")
    host = find_canonical_host(name)
    if host is None or ":" in name:
        raise InvalidSite(f"{name[:100]!r} is not a host that the emulator serves, such as eu.gcr.io")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= _LAST_PORT):
        raise InvalidSite(f"{text[:100]!r} has no port: expected {host}=PORT")
    return host, int(port)
