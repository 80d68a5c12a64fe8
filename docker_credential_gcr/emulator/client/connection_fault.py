"""Connection faults of a command: errors with the cause, and how to mend it."""

import ssl

from docker_credential_gcr.connection_causes import list_causes, speaks_tls


class EmulatorError(Exception):
    """A command failed; the message says what to do."""


class ServerUnreachable(EmulatorError):
    """No program answers at the URL."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"no emulator answers at {url}: start one with gcr-emulator serve, or name it with --server"
        )


class NotTrusted(EmulatorError):
    """The server's certificate is not trusted."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"the certificate of {url} is not trusted: name its authority, DATA/keys/ca.pem, with --ca"
        )


class WrongScheme(EmulatorError):
    """The server speaks TLS and the URL is http, or the reverse."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        fact, other = {
            "https": ("does not speak TLS", "http"),
            "http": ("speaks TLS", "https"),
        }[scheme]
        super().__init__(f"the server at {rest} {fact}: name it with --server {other}://{rest}")


def find_fault(error: BaseException, url: str) -> EmulatorError:
    """Returns the error for a request that got no response."""
    causes = list_causes(error)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return NotTrusted(url)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return WrongScheme(url)
    is_refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
    if url.startswith("http://") and not is_refused and speaks_tls(url):
        return WrongScheme(url)
    return ServerUnreachable(url)
