"""TLS context of a request: which certificate authorities (CAs) it trusts. Loaded for https alone."""

import os
import ssl

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import paths, registries

from .connection_faults import MalformedVariable

MAX_CA_SIZE = 16 * 1024 * 1024
CA_FILE = "DOCKER_CREDENTIAL_GCR_CA_FILE"
BUNDLE_FAULT = "a bundle of certificates cannot be used"


def make_context(
    host: str, authorities: str | None = None, certificate: tuple[str, str] | None = None
) -> ssl.SSLContext:
    """Returns a context that trusts CA_FILE, and the given authorities or else those of `requests`.

    `certificate` names the files of the client's certificate, in PEM: its chain, and its key. Raises
    ConfigError for CA_FILE, MalformedVariable for another file that cannot be used.
    """
    context = load_own()
    bundle = authorities or find_bundle()
    try:
        # No authority of certifi's may issue a certificate for loopback, and reading all of them takes 13 ms.
        if context is None or bundle or not registries.is_loopback(host):
            context = _add(context, bundle or _find_default())
        if certificate:
            # A password is given, because OpenSSL would ask for one at the terminal.
            context.load_cert_chain(*certificate, password="")
    except (OSError, ValueError) as error:
        raise MalformedVariable(BUNDLE_FAULT) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def load_own() -> ssl.SSLContext | None:
    """Returns a context that trusts CA_FILE alone; None when that is not set. Raises ConfigError."""
    path = paths.find_variable(os.environ, CA_FILE)
    if path is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        paths.read_file(path, MAX_CA_SIZE)  # OpenSSL would block on a FIFO, and read a device forever
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigError(f"{CA_FILE}: {path!r} holds no certificates in PEM") from error
    except OSError as error:
        raise ConfigError(f"{CA_FILE}: cannot read {path!r}: {error.strerror}") from error
    return context


def find_bundle() -> str | None:
    """Returns the file or directory that `requests` and curl use instead of certifi's authorities."""
    return paths.find_variable(os.environ, "REQUESTS_CA_BUNDLE") or paths.find_variable(
        os.environ, "CURL_CA_BUNDLE"
    )


def _add(context: ssl.SSLContext | None, bundle: str) -> ssl.SSLContext:
    """Returns the context, or a new one, with the authorities of a file or directory. Raises OSError."""
    if os.path.isdir(bundle):
        cafile, capath = None, bundle
    else:
        paths.read_file(bundle, MAX_CA_SIZE)
        cafile, capath = bundle, None
    if context is None:
        return ssl.create_default_context(cafile=cafile, capath=capath)
    context.load_verify_locations(cafile, capath)
    return context


def _find_default() -> str:
    import certifi  # 2 ms, not needed with a named bundle

    return certifi.where()
