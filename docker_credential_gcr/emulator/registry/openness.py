"""A registry without credentials, serve --open: who may do everything in it."""

from docker_credential_gcr.emulator.hosts import find_canonical_host
from docker_credential_gcr.emulator.identity.administrators import (
    comes_from_no_page,
    find_forwarding_header,
    is_loopback_host,
)

from .http import Request
from .services import Services


def is_open_to(services: Services, request: Request) -> bool:
    """Whether the request needs no credential, whatever it brings.

    Opened for this machine alone, the registry is not open to web pages: a browser here reaches loopback for
    every site that it shows, which its requests tell, or under a name that such a site chose (DNS
    rebinding). https://www.w3.org/TR/fetch-metadata/ Nor is it open to what a proxy forwards for others.
    """
    if not services.is_open:
        return False
    if services.is_open_to_others:
        return True
    has_own_name = is_loopback_host(request.host) or find_canonical_host(request.host) is not None
    is_of_program = comes_from_no_page(request.headers) and find_forwarding_header(request.headers) is None
    return has_own_name and is_of_program
