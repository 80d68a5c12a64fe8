"""Says why no emulator answered a command, by cause."""

import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

_HANDSHAKE_S = 2.0


class EmulatorError(Exception):
    """A command failed; the message says what to do."""


class ServerUnreachable(EmulatorError):
    """Nothing answers there."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"no emulator answers at {url}: start one with gcr-emulator serve, or name it with --server"
        )


class NotTrusted(EmulatorError):
    """What answers there shows no certificate that is to be believed."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"the certificate of {url} is not trusted: name its authority, DATA/keys/ca.pem, with --ca"
        )


class WrongScheme(EmulatorError):
    """What answers there speaks TLS and was asked without it, or the reverse."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        fact, other = {
            "https": ("does not speak TLS", "http"),
            "http": ("speaks TLS", "https"),
        }[scheme]
        super().__init__(f"the server at {rest} {fact}: name it with --server {other}://{rest}")


def find_fault(error: BaseException, url: str) -> EmulatorError:
    """The error for a request to the server at a URL that got no answer."""
    causes = list(_walk(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return NotTrusted(url)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return WrongScheme(url)
    is_refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
    if url.startswith("http://") and not is_refused and _speaks_tls(url):
        return WrongScheme(url)
    return ServerUnreachable(url)


def _speaks_tls(url: str) -> bool:
    """Whether the port answers a TLS handshake; nothing is sent over it."""
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, ValueError):
        address = (parts.hostname or "", parts.port or 80)
        with socket.create_connection(address, _HANDSHAKE_S) as connection:
            context.wrap_socket(connection, server_hostname=parts.hostname).close()
            return True
    return False


def _walk(error: BaseException) -> list[BaseException]:
    """The error and its causes; urllib3 and requests hide them in arguments."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            waiting += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return found
