"""Registry hosts: parses the server string that Docker sends, and finds the trust domain of its host."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

MAX_SIZE = 64 * 1024  # of a server string, in bytes
DEFAULT_HOSTS = (
    "gcr.io",
    "us.gcr.io",
    "eu.gcr.io",
    "asia.gcr.io",
    "marketplace.gcr.io",
    "us-docker.pkg.dev",
    "europe-docker.pkg.dev",
    "asia-docker.pkg.dev",
)

# Trust domains: no token of one may be sent to a host of another.
GOOGLE = "google"
LOOPBACK = "loopback"
OTHER = "other"

LABEL = "abcdefghijklmnopqrstuvwxyz0123456789-"


def find_server_url(data: bytes) -> str | None:
    """Returns the server string without the white space around it; None when it cannot name a registry."""
    trimmed = data.strip(b" \t\n\r\v\f")
    if len(data) > MAX_SIZE or not trimmed.isascii():
        return None
    text = trimmed.decode("ascii")
    # Refuses a line break as well: Docker's own library would join the two lines into another host.
    return text if text.isprintable() else None


def find_host(server_url: str) -> str | None:
    """Returns the host in lower case, with its port unless Google's has 443; None when it is ambiguous."""
    for scheme in ("https://", "http://"):
        if server_url.startswith(scheme):
            server_url = server_url[len(scheme) :]
            break
    host = server_url.partition("/")[0].lower()
    if not host.isprintable() or not host.isascii():
        return None
    if not host or host.endswith(".") or any(char in host for char in "@%\\?# "):
        return None
    if host.endswith(":443") and is_google(host[:-4]):
        return host[:-4]
    return host


def is_google(host: str) -> bool:
    """Returns whether the host is a registry of Google.

    These are gcr.io, *.gcr.io, LOCATION-docker.pkg.dev, docker.LOCATION.rep.pkg.dev.
    """
    if host == "gcr.io":
        return True
    for before, after in (("", ".gcr.io"), ("", "-docker.pkg.dev"), ("docker.", ".rep.pkg.dev")):
        if host.startswith(before) and host.endswith(after):
            # The rest between prefix and suffix must be one label and nothing else.
            label = host[len(before) : -len(after)]
            if label and not label.strip(LABEL):
                return True
    return False


def is_loopback(host: str) -> bool:
    """Returns whether the host, with or without a port, is this machine."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name in ("localhost", "[::1]") or name.endswith(".localhost"):
        return True
    parts = name.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdigit() for part in parts)


def find_trust_domain(host: str, configured: "Container[str]") -> str | None:
    """Returns GOOGLE, LOOPBACK or OTHER for a host that may get a token; None for any other host."""
    if is_google(host):
        return GOOGLE
    if host not in configured:
        return None
    return LOOPBACK if is_loopback(host) else OTHER
