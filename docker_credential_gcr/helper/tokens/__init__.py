"""Access tokens and the requests for them; the names of the token sources.

A configuration and a command line name sources as in NAMES; token_sources finds the source of a name. They
share one module because a cached `get` loads both: each module that it loads costs 0.1 ms.
"""

from docker_credential_gcr.errors import FILE_KINDS, ConfigError, find_secret_form
from docker_credential_gcr.helper.registries import LABEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    class TokenSource(Protocol):
        """An origin of access tokens."""

        @property
        def identity(self) -> tuple[str, ...]:
            """Returns what the name of the cache entry is computed from."""

        @property
        def is_cached(self) -> bool:
            """Returns whether its tokens are cached: not where the source is as fast as the cache."""

        def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
            """Fetches a new access token until an instant of time.monotonic. Raises TokenError."""


NAMES = "store, env, gcloud, gcloud:CONFIGURATION, file:PATH, token-file:PATH, metadata or none"
PLAIN_NAMES = ("store", "env", "gcloud", "metadata", "none")
LEGACY_NAMES = {"gcloud_sdk": "gcloud"}  # Google's helper still reads the first, and no longer writes it
DOCKER_LOGIN = "login"  # not a name of the configuration: the key that `docker login` stored for a host
FLOOR_S = 10  # not google-auth's 225 s: GKE's metadata server returns nearly expired tokens
DIRECTORY = "."  # in `depends_on`: the current directory, to which relative paths belong
MAX_LIFETIME_S = 24 * 3600  # Google grants 12 hours at most


class AccessToken:
    """Bearer token with the instants of its lifetime, in seconds since the epoch.

    `depends_on` names the variables on which the token depends, in addition to the identity of its source.
    """

    __slots__ = ("depends_on", "expires_at", "obtained_at", "value")

    def __init__(
        self, value: str, *, expires_at: int, obtained_at: int, depends_on: tuple[str, ...] = ()
    ) -> None:
        self.value = value
        self.expires_at = expires_at
        self.obtained_at = obtained_at
        self.depends_on = depends_on

    def __repr__(self) -> str:
        return f"AccessToken(<hidden>, expires_at={self.expires_at}, obtained_at={self.obtained_at})"

    def is_fresh(self, now: float) -> bool:
        """Returns whether a registry will still accept it."""
        return self.expires_at - now >= FLOOR_S

    def is_aging(self, now: float, min_ttl_s: float) -> bool:
        """Returns whether to fetch a new token while this one is still valid.

        BuildKit caches an answer for 290 s, so a token with less left would expire in its cache. The limit is
        at most half of the token's lifetime: otherwise a five-minute token would be aging from the start.
        """
        return self.expires_at - now < min(min_ttl_s, (self.expires_at - self.obtained_at) / 2)


def make_undated(value: str, now: float) -> AccessToken:
    """Returns a token without a known expiry: it is valid for this call, and never served from the cache."""
    return AccessToken(value, expires_at=int(now) + FLOOR_S, obtained_at=int(now))


def is_token(value: object) -> bool:
    """Returns whether a value can be sent as a password: a control character would break the header."""
    return (
        isinstance(value, str)
        and value != ""
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


class TokenRequest:
    """A registry that needs a token, with the rules for the token."""

    __slots__ = ("account", "host", "insecure_hosts", "is_self_signed", "min_ttl_s", "scopes", "trust_domain")

    def __init__(
        self,
        host: str,
        trust_domain: str,
        *,
        scopes: tuple[str, ...],
        insecure_hosts: tuple[str, ...] = (),
        account: str | None = None,
        min_ttl_s: float = 300,
        is_self_signed: bool = False,
    ) -> None:
        self.host = host
        self.trust_domain = trust_domain
        self.scopes = scopes
        self.insecure_hosts = insecure_hosts
        self.account = account
        self.min_ttl_s = min_ttl_s
        self.is_self_signed = is_self_signed

    def for_host(self, host: str, trust_domain: str, scopes: tuple[str, ...]) -> "TokenRequest":
        """Returns the same request for another host, to which the token is sent first."""
        return TokenRequest(
            host,
            trust_domain,
            scopes=scopes,
            insecure_hosts=self.insecure_hosts,
            account=self.account,
            min_ttl_s=self.min_ttl_s,
            is_self_signed=self.is_self_signed,
        )


def parse_names(names: "Iterable[str]", *, legacy: "Mapping[str, str]" = LEGACY_NAMES) -> tuple[str, ...]:
    """Returns the names of token sources, each once. Raises ConfigError for an unknown one."""
    parsed: list[str] = []
    for name in (name.strip() for name in names):
        name = legacy.get(name, name)
        if name and name not in parsed:
            _check_name(name)
            parsed.append(name)
    return tuple(parsed)


def _check_name(name: str) -> None:
    kind, _, argument = name.partition(":")
    form = find_secret_form(name)
    if form:
        raise ConfigError(f"a token source is {form}: use {NAMES}")
    is_named = kind in FILE_KINDS and argument != ""
    # gcloud's own rule for the name of a configuration, which also makes it a single path component.
    is_gcloud = kind == "gcloud" and argument != "" and not argument.strip(LABEL)
    if not (name in PLAIN_NAMES or is_named or is_gcloud):
        is_path = ":" not in name and ("." in name or "/" in name)
        guess = f": did you mean 'file:{name}'?" if is_path else f": use {NAMES}"
        raise ConfigError(f"token source {name!r} is unknown{guess}")
