"""The token sources: one file each, loaded when it is asked.

A source is found by name, which costs no network, and then fetches an access token, which does.
"""

import sys

from docker_credential_gcr.errors import ConfigError, NoToken, TokenError, find_secret_form
from docker_credential_gcr.helper.registries import LABEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Protocol

    from docker_credential_gcr.helper.tokens.access_token import AccessToken

    class TokenSource(Protocol):
        """Where access tokens come from."""

        @property
        def identity(self) -> tuple[str, ...]:
            """What the cached tokens are kept under."""

        @property
        def is_kept(self) -> bool:
            """Whether its tokens are cached; not where asking costs no more than looking into the cache."""

        def fetch(self, request: "TokenRequest", deadline: float) -> AccessToken:
            """Buy a new access token until an instant of time.monotonic. Raises TokenError."""


WORKING = "store, env, gcloud, gcloud:CONFIGURATION, file:PATH, token-file:PATH, metadata or none"
PLAIN = ("store", "env", "gcloud", "metadata", "none")
PATHS = ("file", "token-file")  # those that name a file
LEGACY = {"gcloud_sdk": "gcloud"}  # Google's helper reads it, and has long ceased to write it
KEPT = "login"  # no name of the configuration: the key that `docker login` handed over for a host


class TokenRequest:
    """For which registry a token is bought, and under which rules."""

    __slots__ = ("account", "host", "insecure_hosts", "is_self_signed", "min_ttl_s", "scopes", "world")

    def __init__(
        self,
        host: str,
        world: str,
        *,
        scopes: tuple[str, ...],
        insecure_hosts: tuple[str, ...] = (),
        account: str | None = None,
        min_ttl_s: float = 300,
        is_self_signed: bool = False,
    ) -> None:
        self.host = host
        self.world = world
        self.scopes = scopes
        self.insecure_hosts = insecure_hosts
        self.account = account
        self.min_ttl_s = min_ttl_s
        self.is_self_signed = is_self_signed

    def for_host(self, host: str, world: str, scopes: tuple[str, ...]) -> "TokenRequest":
        """The same request for another host, to which the token is sent first."""
        return TokenRequest(
            host,
            world,
            scopes=scopes,
            insecure_hosts=self.insecure_hosts,
            account=self.account,
            min_ttl_s=self.min_ttl_s,
            is_self_signed=self.is_self_signed,
        )


def parse_names(names: "Iterable[str]", *, legacy: "Mapping[str, str]" = LEGACY) -> tuple[str, ...]:
    """The names of token sources, trimmed and each once. Raises ConfigError for an unknown one."""
    parsed: list[str] = []
    for name in (name.strip() for name in names):
        name = legacy.get(name, name)
        kind, _, argument = name.partition(":")
        form = find_secret_form(name)
        if form:
            raise ConfigError(f"a token source is {form}: use {WORKING}")
        is_named = kind in PATHS and argument != ""
        # gcloud's own rule for the name of a configuration, which also keeps it a part of one path
        is_gcloud = kind == "gcloud" and argument != "" and not argument.strip(LABEL)
        if name and not (name in PLAIN or is_named or is_gcloud):
            is_path = ":" not in name and ("." in name or "/" in name)
            guess = f": did you mean 'file:{name}'?" if is_path else f": use {WORKING}"
            raise ConfigError(f"token source {name!r} is unknown{guess}")
        if name and name not in parsed:
            parsed.append(name)
    return tuple(parsed)


def find_source(name: str, *, environ: "Mapping[str, str]", platform: str = sys.platform) -> "TokenSource":
    """The source of that name. Raises NoToken when it has nothing to offer, TokenError when it is broken."""
    kind, _, argument = name.partition(":")
    try:
        return FINDERS[kind](argument, environ, platform)
    except ConfigError as error:  # a variable that the source reads is malformed
        raise TokenError(str(error), hint=error.hint) from error


def _find_env(_: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import env

    return env.find_source(environ, platform)


def _find_file(argument: str, _environ: "Mapping[str, str]", _platform: str) -> "TokenSource":
    from . import key_file

    return key_file.find_source(argument)


def _find_gcloud(argument: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import gcloud

    return gcloud.find_source(argument, environ, platform)


def _find_login(argument: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import docker_login as login

    return login.find_source(argument, environ, platform)


def _find_metadata(_: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import metadata

    return metadata.find_source(environ, platform)


def _find_store(_: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import credential_file as store

    return store.find_source(environ, platform)


def _find_token_file(argument: str, _environ: "Mapping[str, str]", _platform: str) -> "TokenSource":
    from . import token_file

    return token_file.TokenFile(argument)


def _find_none(_: str, _environ: "Mapping[str, str]", _platform: str) -> "TokenSource":
    raise NoToken("never has a token")


FINDERS: "dict[str, Callable[[str, Mapping[str, str], str], TokenSource]]" = {
    "env": _find_env,
    "file": _find_file,
    "gcloud": _find_gcloud,
    KEPT: _find_login,
    "metadata": _find_metadata,
    "none": _find_none,
    "store": _find_store,
    "token-file": _find_token_file,
}
