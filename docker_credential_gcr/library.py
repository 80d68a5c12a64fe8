"""The helper as a library: the access token for a registry or a Python index, from the same cache.

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
from docker_credential_gcr.helper.tokens.access_token import AccessToken

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
    """An access token for a host of Google's or a configured one, from the cache or else bought.

    `server` is a host or a URL on it: gcr.io, *.gcr.io, LOCATION-docker.pkg.dev, LOCATION-python.pkg.dev, or
    a host under `Registries` in the helper's configuration, with its port. The token's `value` is good until
    `expires_at`, in seconds since the epoch; to ask again costs no request while it is fresh.

    Raises CredentialsNotFound for every other host, and where no token source has anything to offer;
    TokenError when a source failed, and ConfigError for a malformed configuration. All of them are an Error.
    """
    config = load_config(environ, platform)
    host = find_host(server)
    trust_domain = host and find_trust_domain(host, config.registries)
    if not host or not trust_domain:
        raise CredentialsNotFound(server)
    return Search(host, trust_domain, config, environ, platform, now).get_token()


def find_host(server: str) -> str | None:
    """The host of a URL, or the host itself, in lower case; None when there is none to be sure of."""
    trimmed = registries.find_server_url(server.encode("utf-8", "replace"))
    return registries.find_host(trimmed) if trimmed else None


def find_trust_domain(host: str, configured: Container[str]) -> str | None:
    """The world of a host that may get a token, a registry or a Python index; None for a stranger's."""
    return registries.GOOGLE if is_python_index(host) else registries.find_trust_domain(host, configured)


def is_python_index(host: str) -> bool:
    """Whether the host is one of Google's Python indexes: LOCATION-python.pkg.dev."""
    location = host.removesuffix(PYTHON_INDEX)
    return location not in ("", host) and not location.strip(registries.LABEL)


def is_private(url: str, host: str, config: Config) -> bool:
    """Whether a token may travel to the URL: nobody on the way can read it, or the user does not mind."""
    if not url.lower().startswith("http://"):
        return True
    return (
        registries.is_loopback(host)
        or host in config.insecure_hosts
        or host.rpartition(":")[0] in config.insecure_hosts
    )
