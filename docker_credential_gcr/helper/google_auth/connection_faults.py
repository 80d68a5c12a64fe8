"""Connection faults: classifies why a connection failed, with a hint for each cause."""

import errno
import socket
import ssl
import time

from docker_credential_gcr.connection_causes import HANDSHAKE_S, list_causes, speaks_tls
from docker_credential_gcr.errors import MORE_TIME
from docker_credential_gcr.helper import registries

# The causes.
PROXY = "proxy"  # the proxy does not forward the request
NAME = "name"  # the name has no address
UNTRUSTED = "tls"  # the certificate is not trusted
PLAIN = "plain"  # https to a port that speaks plain http
ENCRYPTED = "encrypted"  # http to a port that speaks TLS
SILENT = "silent"  # no answer in time
REFUSED = "refused"  # nothing listens there
DOWN = "connection"  # any other failure

HINTS = {
    PROXY: "check the proxy variables, or name the host in NO_PROXY",
    NAME: "check the name of the host, and this machine's DNS",
    UNTRUSTED: "name the authority's file in DOCKER_CREDENTIAL_GCR_CA_FILE",
    PLAIN: "this port does not speak TLS: use http:// in its URL",
    ENCRYPTED: "this port speaks TLS: use https:// in its URL",
    SILENT: "check the network, or allow more time in DOCKER_CREDENTIAL_GCR_TIMEOUT",
    REFUSED: "nothing listens at this address: check the host and the port",
    DOWN: "check the network",
}
# Other hints for a server on this machine, which is an emulator.
LOOPBACK_HINTS = {
    UNTRUSTED: "name the emulator's authority, DATA/keys/ca.pem, in DOCKER_CREDENTIAL_GCR_CA_FILE; "
    "`gcr-emulator trust` makes docker trust it",
    REFUSED: "the emulator is not running: start it with `gcr-emulator serve`",
}
SERVE = "gcr-emulator serve --port "
HEADER_FAULT = "a header of the request cannot be sent"


class ProxyFault(ConnectionError):
    """The proxy does not forward the request."""


class MalformedVariable(OSError):
    """A variable names a proxy or a bundle of certificates that cannot be used."""

    def __init__(self, fault: str) -> None:
        super().__init__(errno.EINVAL, fault)


class MalformedProxy(MalformedVariable, ProxyFault):
    """A variable names a proxy that cannot be used."""


def find_hint(cause: str, host: str) -> str:
    """Returns the hint for a failed connection to a host, by its cause."""
    return (LOOPBACK_HINTS.get(cause) if registries.is_loopback(host) else None) or HINTS[cause]


def find_command(cause: str, host: str) -> str:
    """Returns the command that mends a failed connection to a host, or ""."""
    if cause == REFUSED and registries.is_loopback(host):
        return SERVE + host.rpartition(":")[2]
    return MORE_TIME if cause == SILENT else ""


def classify(error: BaseException, url: str = "", deadline: float | None = None) -> str:
    """Returns the cause of a failed request; with an http URL it also tests whether the port speaks TLS."""
    causes = list_causes(error)
    table: tuple[tuple[type[BaseException], str], ...] = (
        (ProxyFault, PROXY),
        (socket.gaierror, NAME),
        (ssl.SSLCertVerificationError, UNTRUSTED),
        (ssl.SSLError, PLAIN),
        (TimeoutError, SILENT),
        (ConnectionRefusedError, REFUSED),
    )
    found = next((name for kind, name in table if any(isinstance(cause, kind) for cause in causes)), DOWN)
    left_s = HANDSHAKE_S if deadline is None else min(HANDSHAKE_S, deadline - time.monotonic())
    if found == DOWN and url.startswith("http://") and speaks_tls(url, left_s):
        return ENCRYPTED
    return found
