"""OAuth clients: the programs with which users log in, and the redirect URIs of each.

All are installed programs with public secrets: their logins are protected by PKCE, and because the code goes
to a program on the same machine. https://www.rfc-editor.org/rfc/rfc8252#section-7.3
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from docker_credential_gcr.emulator.identity.secret import is_secret


@dataclass(frozen=True)
class Client:
    """An OAuth client; `pages` are URLs that show a user the code to type into the program."""

    client_id: str
    secret: str
    name: str
    pages: tuple[str, ...] = ()

    def has_secret(self, secret: str) -> bool:
        """Returns whether that is the client's secret."""
        return is_secret(secret, self.secret)

    def accepts(self, redirect_uri: str) -> bool:
        """Returns whether a code may be sent there: to any port of this machine, or to one of the pages."""
        return redirect_uri in self.pages or is_loopback_redirect(redirect_uri)


# The client of `gcloud auth application-default login`.
APPLICATION_DEFAULT = Client(
    "764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com",
    "d-FL95Q19q7MQmFpd7hHD0Ty",
    "Google Auth Library",
    ("https://sdk.cloud.google.com/applicationdefaultauthcode.html",),
)
CLIENTS = {
    client.client_id: client
    for client in (
        Client(
            "32555940559.apps.googleusercontent.com",
            "ZmssLNjJy2998hD4CTg2ejr2",
            "Google Cloud SDK",
            ("https://sdk.cloud.google.com/authcode.html",),
        ),
        APPLICATION_DEFAULT,
        # Google's helper, and this project's, which stores its logins in the same file.
        Client(
            "99426463878-o7n0bshgue20tdpm25q4at0vs2mr4utq.apps.googleusercontent.com",
            "HpVi8cnKx8AAkddzaNrSWmS8",
            "GCR Docker credential helper",
        ),
    )
}

# Not *.localhost: a resolver may give it any address.
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_AUTHORITY = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
_END_OF_AUTHORITY = re.compile("[/?]")
# Characters of a path and a query by RFC 3986. A browser reads a backslash as a slash, and strips blanks.
_REST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")
_MAX_SIZE = 1024


def is_loopback_redirect(uri: str) -> bool:
    """Returns whether the URI is one on this machine: http://localhost:8085/, http://[::1]:1/a?b=c"""
    scheme, separator, rest = uri.partition("://")
    if scheme != "http" or not separator or len(uri) > _MAX_SIZE or not rest.isascii():
        return False
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    if not _AUTHORITY.fullmatch(authority) or not _REST.fullmatch(rest[len(authority) :]):
        return False
    try:
        parts = urlsplit(uri)
        return parts.hostname in _LOOPBACK_HOSTS and parts.port != 0
    except ValueError:
        return False
