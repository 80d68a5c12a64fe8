"""Certificate authorities of outgoing HTTPS: certifi's, and those of the usual variables in addition."""

import ssl
from collections.abc import Mapping

import certifi

from .errors import OutgoingFailed

_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_DIRECTORY = "SSL_CERT_DIR"


def make_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Returns a context that verifies certificates and names. Raises OutgoingFailed if a file is unusable."""
    context = ssl.create_default_context(cafile=certifi.where())
    for variable in _FILES:
        if path := environ.get(variable):
            try:
                context.load_verify_locations(cafile=path)
            except OSError as error:
                raise OutgoingFailed(f"{variable} names {path!r}, which holds no certificates") from error
    if path := environ.get(_DIRECTORY):
        context.load_verify_locations(capath=path)
    return context
