"""Administrators: the operator token, local requests, and accounts that IAM lets administer."""

import ipaddress
from collections.abc import Callable, Collection, Mapping

from .credentials import InvalidCredential
from .principal import OPERATOR, Principal
from .secret import is_secret

# Values of Sec-Fetch-Site, with which a browser tells whether a page of another site sent the request: such a
# page can reach a loopback server. "same-site" is refused: all ports of localhost are one site.
# https://www.w3.org/TR/fetch-metadata/
_OWN_FETCH_SITES = ("none", "same-origin")

# Headers by which a proxy names itself or its client: Squid, nginx, Apache, HAProxy, Envoy, IIS and the CDNs.
# Others have x-forwarded in their names. https://www.rfc-editor.org/rfc/rfc7239
# https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3
_FORWARDED = "x-forwarded"
FORWARDING_HEADERS = frozenset(
    {
        *("forwarded", "via", "cdn-loop", "front-end-https"),
        *("x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-remote-ip", "x-remote-addr"),
        *("x-originating-ip", "x-original-forwarded-for", "x-original-host", "x-original-url"),
        *("client-ip", "true-client-ip", "x-proxyuser-ip", "x-arr-log-id", "x-appengine-user-ip"),
        *("cf-connecting-ip", "cf-connecting-ipv6", "cf-ray", "cf-visitor", "fastly-client-ip"),
        *("x-azure-clientip", "x-azure-socketip", "x-envoy-external-address", "x-envoy-internal"),
        *("x-nf-client-connection-ip", "fly-client-ip"),
    }
)


class NotAnAdministrator(Exception):
    """The request has no credential of an administrator."""


class Forwarded(NotAnAdministrator):
    """The request has no credential, and a header shows that a proxy forwarded it."""

    def __init__(self, header: str) -> None:
        super().__init__(
            f"no access token, and a proxy forwarded the request (header {header}): send the operator token"
        )


def find_administrator(
    headers: Mapping[str, str],
    peer: str,
    *,
    operator_token: str,
    strict: bool,
    verify: Callable[[str], Principal],
) -> Principal:
    """Returns the principal of an administrative request; IAM decides what it may do.

    `headers` are lower-case, `peer` is the client's address, `verify` returns the principal of an access
    token or raises InvalidCredential. Raises NotAnAdministrator.
    """
    authorization = headers.get("authorization")
    if authorization is not None:
        return _find_bearer(authorization, operator_token, verify)
    if strict:
        raise NotAnAdministrator("no access token, and this server demands one")
    if (header := find_forwarding_header(headers)) is not None:
        raise Forwarded(header)
    if not is_local(headers, peer):
        raise NotAnAdministrator("no access token, and the request is not from this machine alone")
    return OPERATOR


def is_local(headers: Mapping[str, str], peer: str) -> bool:
    """Returns whether a program on this machine sent the request, neither a web page nor a proxy."""
    return (
        is_from_loopback(peer)
        and is_loopback_host(headers.get("host", ""))
        and comes_from_no_page(headers)
        and find_forwarding_header(headers) is None
    )


def find_forwarding_header(headers: Collection[str]) -> str | None:
    """Returns the name of a header that a forwarding proxy has set; None without one.

    A proxy on this machine connects from loopback for remote clients, and may replace the Host header.
    """
    # Without a loop in Python: each request to an open registry runs this.
    if FORWARDING_HEADERS.isdisjoint(headers) and _FORWARDED not in " ".join(headers):
        return None
    return next(name[:40] for name in headers if name in FORWARDING_HEADERS or _FORWARDED in name)


def comes_from_no_page(headers: Mapping[str, str]) -> bool:
    """Returns whether the request was not sent by a browser for a page of another site."""
    return "origin" not in headers and headers.get("sec-fetch-site", "none") in _OWN_FETCH_SITES


def is_from_loopback(peer: str) -> bool:
    """Returns whether the client's address is a loopback address."""
    return _is_loopback(peer)


def is_loopback_host(host: str) -> bool:
    """Returns whether a Host header is localhost or a loopback address."""
    return _is_loopback(_parse_host(host))


def _find_bearer(authorization: str, operator_token: str, verify: Callable[[str], Principal]) -> Principal:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise NotAnAdministrator("not a bearer token")
    if is_secret(token, operator_token):
        return OPERATOR
    try:
        return verify(token)
    except InvalidCredential as error:
        raise NotAnAdministrator(str(error)) from error


def _parse_host(host: str) -> str:
    """Returns the host of a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
