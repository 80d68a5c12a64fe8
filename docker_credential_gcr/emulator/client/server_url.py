"""URLs and hosts of a server: their form, and whether clients use localhost or an address."""

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

_LOCALHOST = "localhost"
# Names from Docker Compose have underscores. https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NAME_SIZE = 253


class InvalidUrl(ValueError):
    """Text that is not the URL of a server."""


def parse_url(text: str) -> str:
    """Returns the URL of a server's root without its last slash. Raises InvalidUrl."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise InvalidUrl(text) from error
    extras = url.username or url.password or url.query or url.fragment or url.path.strip("/")
    is_root = url.scheme in ("http", "https") and port != 0 and not extras
    if not is_root or not is_host((url.hostname or "").removesuffix(".")):
        raise InvalidUrl(text)
    return f"{url.scheme}://{url.netloc}"


def is_host(text: str) -> bool:
    """Returns whether the text is an address, or a name that a resolver, IDNA and TLS accept."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= _NAME_SIZE and all(map(_LABEL.fullmatch, text.lower().split(".")))
    return True


def is_loopback(url: str) -> bool:
    """Returns whether the URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return _is_below_localhost(host)


def strip_brackets(text: str) -> str:
    """Returns an IPv6 address without the brackets that it has in a URL; any other text as it is."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text


def format_registry(url: str) -> str:
    """Returns the HOST:PORT of a server with which images are named.

    The host is localhost, which Docker trusts without TLS, if that name resolves to the URL's address.
    """
    if not is_loopback(url):
        return urlsplit(url).netloc
    host = urlsplit(url).hostname or ""
    name = _LOCALHOST if _is_below_localhost(host) else find_loopback_name(host)
    return urlsplit(url).netloc if name == host else _join(_LOCALHOST, urlsplit(url).port)


def format_root(url: str) -> str:
    """Returns the server's root as clients name it: http://localhost:5000."""
    return f"{urlsplit(url).scheme}://{format_registry(url)}"


def format_token_url(url: str) -> str:
    """Returns the token endpoint of a server, which a key names for Google's clients."""
    return f"{format_root(url)}/token"


def format_metadata_address(url: str) -> str:
    """Returns the ADDRESS:PORT at which clients find out whether there is a metadata server."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port
    return _join("127.0.0.1", port) if _is_below_localhost(host) else urlsplit(url).netloc


def find_loopback_name(host: str, *, resolve: Callable[..., Any] = socket.getaddrinfo) -> str:
    """Returns localhost if that name resolves to an address of the host, else the host itself.

    If localhost is 127.0.0.1 alone, a server that listens on ::1 or 127.0.0.2 is not found by that name.
    """
    shared = _find_addresses(_LOCALHOST, resolve) & _find_addresses(host, resolve)
    return _LOCALHOST if shared else host


def _is_below_localhost(host: str) -> bool:
    return host == _LOCALHOST or host.endswith(".localhost")


def _join(host: str, port: int | None) -> str:
    return host if port is None else f"{host}:{port}"


def _find_addresses(host: str, resolve: Callable[..., Any]) -> set[str]:
    try:
        return {str(address[0]) for *_, address in resolve(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return set()
