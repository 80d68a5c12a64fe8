"""The token sources: one file each, loaded when it is asked.

A source is found by name, which costs no network, and then fetches an access token, which does.
"""

import sys

from docker_credential_gcr.errors import ConfigError, NoToken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Protocol

    from docker_credential_gcr.helper.access_token import AccessToken

    class TokenSource(Protocol):
        """Where access tokens come from."""

        identity: tuple[str, ...]  # what the cached tokens are kept under

        def fetch(self, request: "TokenRequest", deadline: float) -> AccessToken:
            """Buy a new access token until an instant of time.monotonic. Raises TokenError."""


WORKING = "env, file:PATH or none"
PLANNED = ("store", "gcloud", "gcloud_sdk", "metadata", "token-file")


class TokenRequest:
    """For which registry a token is bought, and under which rules."""

    __slots__ = ("host", "insecure_hosts", "scopes", "world")

    def __init__(
        self, host: str, world: str, *, scopes: tuple[str, ...], insecure_hosts: tuple[str, ...]
    ) -> None:
        self.host = host
        self.world = world
        self.scopes = scopes
        self.insecure_hosts = insecure_hosts


def parse_names(names: "Iterable[str]", *, allowed: tuple[str, ...] = ("store",)) -> tuple[str, ...]:
    """The names of token sources, trimmed and each once. Raises ConfigError for one that does not work.

    `store` is let through by default: Google's helper writes it into the file that it shares with this one.
    """
    parsed: list[str] = []
    for name in (name.strip() for name in names):
        kind, _, argument = name.partition(":")
        works = name in ("env", "none", *allowed) or (kind == "file" and argument != "")
        if name and not works:
            fault = "is not supported by this version" if kind in PLANNED else "is unknown"
            raise ConfigError(f"token source {name!r} {fault}: use {WORKING}")
        if name and name not in parsed:
            parsed.append(name)
    return tuple(parsed)


def find_source(name: str, *, environ: "Mapping[str, str]", platform: str = sys.platform) -> "TokenSource":
    """The source of that name. Raises NoToken when it has nothing to offer, TokenError when it is broken."""
    kind, _, argument = name.partition(":")
    return FINDERS[kind](argument, environ, platform)


def _find_env(_: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from docker_credential_gcr.helper.token_sources import env

    return env.find_source(environ, platform)


def _find_file(argument: str, _environ: "Mapping[str, str]", _platform: str) -> "TokenSource":
    from docker_credential_gcr.helper.token_sources import key_file

    return key_file.find_source(argument)


def _find_store(_: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from docker_credential_gcr.helper.token_sources import store

    return store.find_source(environ, platform)


def _find_none(_: str, _environ: "Mapping[str, str]", _platform: str) -> "TokenSource":
    raise NoToken("never has a token")


FINDERS: "dict[str, Callable[[str, Mapping[str, str], str], TokenSource]]" = {
    "env": _find_env,
    "file": _find_file,
    "none": _find_none,
    "store": _find_store,
}
