"""Token lookup for commands: finds the access token of a registry that the user names."""

import sys
import time
from collections.abc import Callable, Mapping

from docker_credential_gcr.errors import LoginRequired, UsageError
from docker_credential_gcr.helper.tokens import AccessToken

from . import registries
from .config import Config, load_config
from .configure import arguments
from .keychain import Search

LOGIN_HINT = "docker-credential-gcr login"


def open_search(
    name: str,
    *,
    environ: Mapping[str, str],
    platform: str = sys.platform,
    now: Callable[[], float] = time.time,
    config: Config | None = None,
) -> Search:
    """Returns the search along a registry's sources. Raises UsageError for other hosts, ConfigError."""
    host = arguments.parse_host(name)
    config = config or load_config(environ, platform)
    trust_domain = registries.find_trust_domain(host, config.registries)
    if trust_domain is None:
        raise UsageError(
            f"{host!r} is not Google's: name the token source whose tokens it may have",
            hint=f"docker-credential-gcr config --registry {host} --token-source file:KEY.json",
        )
    return Search(host, trust_domain, config, environ, platform, now)


def get_token(
    name: str,
    *,
    environ: Mapping[str, str],
    platform: str = sys.platform,
    now: Callable[[], float] = time.time,
) -> AccessToken:
    """Returns the access token of a registry, from the cache if it is fresh.

    Raises LoginRequired when no source has a credential, TokenError when one failed, and as `open_search`.
    """
    search = open_search(name, environ=environ, platform=platform, now=now)
    token = search.find_token()
    if token is None:
        raise LoginRequired(f"no credential for {search.request.host}", hint=LOGIN_HINT)
    return token
