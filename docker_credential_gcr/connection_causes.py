"""Causes of a failed connection: the chain of exceptions, and whether the port speaks TLS."""

import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

HANDSHAKE_S = 2.0


def list_causes(error: BaseException) -> list[BaseException]:
    """Returns the error and the exceptions that caused it; urllib3 and requests keep them in arguments."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if isinstance(item, BaseException) and not any(item is other for other in found):
            found.append(item)
            waiting += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return found


def speaks_tls(url: str, timeout_s: float = HANDSHAKE_S) -> bool:
    """Returns whether the port of an http URL answers a TLS handshake; nothing is sent over it."""
    if timeout_s <= 0:
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, ValueError):
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or 80)
        with socket.create_connection(address, timeout_s) as connection:
            context.wrap_socket(connection, server_hostname=parts.hostname).close()
            return True
    return False
