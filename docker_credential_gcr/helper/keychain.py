"""Resolves a server string to a credential, asking the token sources in order."""

import sys
import time

from docker_credential_gcr.errors import CredentialsNotFound, NoToken, TokenError
from docker_credential_gcr.helper import cache, registries, token_sources
from docker_credential_gcr.helper.config import Config, load_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_gcr.helper.access_token import AccessToken

USERNAME = "oauth2accesstoken"  # https://cloud.google.com/artifact-registry/docs/docker/authentication#token


class Credential:
    """Docker's triple."""

    __slots__ = ("secret", "server_url", "username")

    def __init__(self, server_url: str, username: str, secret: str) -> None:
        self.server_url = server_url
        self.username = username
        self.secret = secret

    def __repr__(self) -> str:
        return f"Credential({self.server_url!r}, {self.username!r}, <hidden>)"


def resolve(
    server_url: str,
    *,
    environ: "Mapping[str, str]",
    platform: str = sys.platform,
    now: "Callable[[], float]" = time.time,
) -> Credential:
    """The credential for a server string.

    Raises CredentialsNotFound for a stranger's host and where no source has anything to offer, TokenError
    when a source failed or a configured list came to nothing, ConfigError for a malformed configuration.
    """
    host = registries.find_host(server_url)
    if host is None:
        raise CredentialsNotFound(server_url)
    config = load_config(environ, platform)
    world = registries.find_world(host, config.registries)
    if world is None:
        raise CredentialsNotFound(server_url)
    try:
        token = _find_token(host, world, config, environ=environ, platform=platform, now=now)
    except TokenError as error:
        if config.is_anonymous_on_error:
            raise CredentialsNotFound(server_url, waived=error) from error
        raise
    if token is None:
        raise CredentialsNotFound(server_url)
    return Credential(server_url, USERNAME, token.value)


def _find_token(
    host: str,
    world: str,
    config: Config,
    *,
    environ: "Mapping[str, str]",
    platform: str,
    now: "Callable[[], float]",
) -> "AccessToken | None":
    """The first token that a source gives; None when all are absent and nobody configured them."""
    settings = config.get_settings(host)
    request = token_sources.TokenRequest(
        host, world, scopes=settings.scopes, insecure_hosts=config.insecure_hosts
    )
    tried = []
    for name in settings.token_sources:
        kind = name.partition(":")[0]
        try:
            source = token_sources.find_source(name, environ=environ, platform=platform)
            # The world belongs to the key: a token that an emulator gave must never be found for Google.
            identity = (world, *source.identity, *settings.scopes)
            entry = cache.find_entry(identity, environ=environ, platform=platform)
            held = cache.load_token(entry, now())
            if held and held.is_fresh(now()) and not held.is_aging(now(), config.min_ttl_s):
                return held
            from docker_credential_gcr.helper import refresh

            return refresh.refresh(
                source, request, entry, min_ttl_s=config.min_ttl_s, timeout_s=config.timeout_s, now=now
            )
        except NoToken as reason:
            tried.append(f"{kind}: {reason}")
        except TokenError as error:
            raise _failure(host, [*tried, f"{kind}: {error}"], error) from error
    if settings.is_explicit:
        raise _failure(host, tried, TokenError("", hint="configure a token source that has a credential"))
    return None


def _failure(host: str, tried: list[str], error: TokenError) -> TokenError:
    return TokenError(f"no access token for {host}: " + "; ".join(tried), hint=error.hint)
