"""Targets of outgoing HTTP: the parts of a URL, each checked.

https://hooks.example.com:8443/gcr?a=b  ->  https, hooks.example.com, 8443, /gcr?a=b
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import OutgoingRefused

_PORTS = {"http": 80, "https": 443}
_MAX_URL = 2048
_MAX_HOST = 253
_HOST = re.compile(r"[a-z0-9_.-]+")


@dataclass(frozen=True)
class Target:
    """Where a request goes; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Returns the Host header: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str, *, max_length: int = _MAX_URL) -> Target:
    """Parses a URL. Raises OutgoingRefused, whose message does not repeat the URL: it can hold a secret."""
    if len(url) > max_length:
        raise OutgoingRefused(f"the URL has more than {max_length} characters")
    # urlsplit drops line ends and tabs, and libraries disagree on what a backslash is.
    if any(not "!" <= character <= "~" or character == "\\" for character in url):
        raise OutgoingRefused("the URL has a space, a backslash or a character outside ASCII: encode it")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise OutgoingRefused("the URL has no valid host and port") from error
    if parts.scheme not in _PORTS:
        raise OutgoingRefused("the URL begins with neither http:// nor https://")
    if "@" in parts.netloc:
        raise OutgoingRefused("the URL has a user or a password: leave it out")
    if "#" in url:
        raise OutgoingRefused("the URL has a fragment: leave out what follows the #")
    if port == 0:
        raise OutgoingRefused("the URL has port 0: name a port from 1 to 65535")
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, parse_host(host), port or _PORTS[parts.scheme], (parts.path or "/") + query)


def parse_host(text: str) -> str:
    """Returns a name in lower case without a final dot, or an IPv6 address in its short form."""
    if ":" in text:
        try:
            address = ipaddress.IPv6Address(text)
        except ValueError as error:
            raise OutgoingRefused("the host is not a valid address") from error
        if address.scope_id is not None:
            raise OutgoingRefused("the host is an address with a zone: leave out what follows the %")
        return str(address)
    host = text.lower().removesuffix(".")
    if len(host) > _MAX_HOST or not _HOST.fullmatch(host) or ".." in host or host.startswith("."):
        raise OutgoingRefused("the host is not a valid name")
    return host
