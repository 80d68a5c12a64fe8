"""URLs and hosts of a server: what is one, and whether clients call it localhost or by its address."""

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

_LOCALHOST = "localhost"
# https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4; names that Docker Compose gives have underscores.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NAME_SIZE = 253


class InvalidUrl(ValueError):
    """Not the URL of a server."""


def parse_url(text: str) -> str:
    """The URL of a server's root without its last slash. Raises InvalidUrl."""
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
    """Returns whether the text is an address, or a name that a resolver, idna and TLS take."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= _NAME_SIZE and all(map(_LABEL.fullmatch, text.lower().split(".")))
    return True


def is_loopback(url: str) -> bool:
    """Whether the URL is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return _is_below_localhost(host)


def strip_brackets(text: str) -> str:
    """Returns an IPv6 address without the brackets that it has in a URL; any other text as it is."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text


def format_registry(url: str) -> str:
    """Returns the registry's HOST:PORT of a server, as images are named with it.

    It is at localhost, which Docker trusts without TLS, where that name leads to the URL's address.
    """
    if not is_loopback(url):
        return urlsplit(url).netloc
    host = urlsplit(url).hostname or ""
    name = _LOCALHOST if _is_below_localhost(host) else find_loopback_name(host)
    return urlsplit(url).netloc if name == host else _join(_LOCALHOST, urlsplit(url).port)


def format_metadata_address(url: str) -> str:
    """Returns the ADDRESS:PORT of a server: clients ask that whether there is a metadata server at all."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port
    return _join("127.0.0.1", port) if _is_below_localhost(host) else urlsplit(url).netloc


def find_loopback_name(host: str, *, resolve: Callable[..., Any] = socket.getaddrinfo) -> str:
    """Returns localhost where that name leads to an address of the host, else the host itself.

    Where localhost is 127.0.0.1 alone, nothing that listens on ::1 or 127.0.0.2 is found by that name.
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
