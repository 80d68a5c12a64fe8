"""Addresses of a host, by the system's resolver, without a thread that shutdown has to wait for."""

import asyncio
import ipaddress
import socket
import threading
from contextlib import suppress

from .errors import OutgoingFailed

# Each has a thread until the system's resolver gives up, which no time limit ends.
_MAX_LOOKUPS = 64
_lookups = threading.BoundedSemaphore(_MAX_LOOKUPS)


async def resolve(host: str, port: int) -> list[str]:
    """Returns the addresses of a host, each once, in the system's order. Raises OutgoingFailed."""
    with suppress(ValueError):
        # A thread costs as much as the request itself. Other spellings of an address are the system's.
        return [str(ipaddress.ip_address(host))]
    if not _lookups.acquire(blocking=False):
        raise OutgoingFailed("the resolver of host names does not answer")
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str]) -> None:
        if not found.done():
            found.set_result(addresses)

    def look_up() -> None:
        try:
            addresses = _look_up(host, port)
        finally:
            _lookups.release()
        try:
            loop.call_soon_threadsafe(settle, addresses)
        except RuntimeError:  # the loop has been closed, so no request waits
            return

    # A daemon: concurrent.futures would wait for it at exit, up to half a minute.
    threading.Thread(target=look_up, name="outgoing-resolver", daemon=True).start()
    addresses = await found
    if not addresses:
        raise OutgoingFailed(f"the host {host} is unknown")
    return addresses


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
