"""Library: access tokens for a registry or a Python index, from the cache of the helper.

from docker_credential_gcr import get_token

token = get_token("us-docker.pkg.dev")
headers = {"Authorization": f"Bearer {token.value}"}
"""

import os
import sys
import time
from collections.abc import Callable, Container, Mapping

from docker_credential_gcr.helper.config import Config, load_config
from docker_credential_gcr.helper.keychain import Search
from docker_credential_gcr.helper.tokens import AccessToken

from .errors import CredentialsNotFound
from .helper import registries

PYTHON_INDEX = "-python.pkg.dev"  # https://cloud.google.com/artifact-registry/docs/python/authentication


def get_token(
    server: str,
    *,
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    now: Callable[[], float] = time.time,
) -> AccessToken:
    """Returns an access token for a host of Google or a configured host, from the cache or a token source.

    `server` is a host or a URL on it: gcr.io, *.gcr.io, LOCATION-docker.pkg.dev, LOCATION-python.pkg.dev, or
    a host under `Registries` in the helper's configuration, with its port. The token's `value` is valid until
    `expires_at`, in seconds since the epoch; until shortly before that a further call sends no request.

    Raises CredentialsNotFound for every other host, and when no token source has a credential; TokenError
    when a source failed, and ConfigError for a malformed configuration. All of them are an Error.
    """
    config = load_config(environ, platform)
    host = find_host(server)
    trust_domain = host and find_trust_domain(host, config.registries)
    if not host or not trust_domain:
        raise CredentialsNotFound(server)
    return Search(host, trust_domain, config, environ, platform, now).get_token()


def find_host(server: str) -> str | None:
    """Returns the host, in lower case, of a URL or a host; None when it is ambiguous or absent."""
    trimmed = registries.find_server_url(server.encode("utf-8", "replace"))
    return registries.find_host(trimmed) if trimmed else None


def find_trust_domain(host: str, configured: Container[str]) -> str | None:
    """Returns the trust domain of a registry or a Python index; None for a host that gets no token."""
    return registries.GOOGLE if is_python_index(host) else registries.find_trust_domain(host, configured)


def is_python_index(host: str) -> bool:
    """Returns whether a host is a Python index of Google: LOCATION-python.pkg.dev."""
    location = host.removesuffix(PYTHON_INDEX)
    return location not in ("", host) and not location.strip(registries.LABEL)


def is_private(url: str, host: str, config: Config) -> bool:
    """Returns whether a token may be sent to a URL: encrypted, to this machine, or to an insecure host."""
    if not url.lower().startswith("http://"):
        return True
    return (
        registries.is_loopback(host)
        or host in config.insecure_hosts
        or host.rpartition(":")[0] in config.insecure_hosts
    )
