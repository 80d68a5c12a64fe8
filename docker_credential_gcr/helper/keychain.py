"""Keychain: resolves a server string to a credential by asking the token sources in order."""

import os
import sys
import time

from docker_credential_gcr.errors import CredentialsNotFound, Error, NoToken, TokenError

from . import paths, registries, token_sources
from .config import Config, load_config
from .tokens import DOCKER_LOGIN, TokenRequest, cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .tokens import AccessToken, TokenSource

CA_FILES = (  # the certificate authorities that token endpoints are verified with
    "DOCKER_CREDENTIAL_GCR_CA_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
USERNAME = "oauth2accesstoken"  # https://cloud.google.com/artifact-registry/docs/docker/authentication#token


class Credential:
    """Docker's triple, with its origin for the log."""

    __slots__ = ("origin", "secret", "server_url", "username")

    def __init__(self, server_url: str, username: str, secret: str, origin: str = "") -> None:
        self.server_url = server_url
        self.username = username
        self.secret = secret
        self.origin = origin

    def __repr__(self) -> str:
        return f"Credential({self.server_url!r}, {self.username!r}, <hidden>)"


def resolve(
    server_url: str,
    *,
    environ: "Mapping[str, str]",
    platform: str = sys.platform,
    now: "Callable[[], float]" = time.time,
) -> Credential:
    """Returns the credential for a server string.

    Raises CredentialsNotFound for another registry without a stored login and when no source has a
    credential, TokenError when a source failed or no source of a configured list has a credential, StoreError
    for a login that cannot be read, ConfigError for a malformed configuration.
    """
    host = registries.find_host(server_url)
    if host is None:
        raise CredentialsNotFound(server_url)
    config = load_config(environ, platform)
    trust_domain = registries.find_trust_domain(host, config.registries)
    if trust_domain is None:
        return _get_login(server_url, config, environ, platform)
    search = Search(host, trust_domain, config, environ, platform, now)
    token = search.get_token()
    return Credential(server_url, USERNAME, token.value, search.origin)


def _get_login(server_url: str, config: Config, environ: "Mapping[str, str]", platform: str) -> Credential:
    """Returns the stored login of a registry that is not Google's. Raises CredentialsNotFound."""
    path = paths.find_logins_file(environ, platform)
    if path is None or not os.path.lexists(path):
        raise CredentialsNotFound(server_url)
    from .credential_store import entries  # 0.2 ms, needed only for another registry's login

    login = entries.find_login(path, server_url)
    if login is None:
        raise CredentialsNotFound(server_url)
    from .credential_store import store  # 7 ms, as above

    secret = store.find_secret(login, environ, deadline=time.monotonic() + config.timeout_s)
    if secret is None:
        raise CredentialsNotFound(server_url)
    return Credential(server_url, login.username, secret, "login")


class Search:
    """Search along a host's token sources; at its end `origin` says where the token comes from."""

    __slots__ = ("config", "deadline", "environ", "now", "origin", "platform", "request", "settings")

    def __init__(
        self,
        host: str,
        trust_domain: str,
        config: Config,
        environ: "Mapping[str, str]",
        platform: str,
        now: "Callable[[], float]",
    ) -> None:
        self.config = config
        self.environ = environ
        self.platform = platform
        self.now = now
        self.origin = ""
        self.deadline = time.monotonic() + config.timeout_s  # for all sources together
        self.settings = config.get_settings(host)
        self.request = TokenRequest(
            host,
            trust_domain,
            scopes=self.settings.scopes,
            insecure_hosts=config.insecure_hosts,
            account=self.settings.account,
            min_ttl_s=config.min_ttl_s,
            is_self_signed=config.is_self_signed,
        )

    def get_token(self) -> "AccessToken":
        """Returns the token of find_token. Raises CredentialsNotFound without a token, and TokenError."""
        try:
            token = self.find_token()
        except TokenError as error:
            waived = self.waive(error)
            if waived is error:  # without `from`, which would make the error its own cause
                raise
            raise waived from error
        if token is None:
            raise CredentialsNotFound(self.request.host)
        return token

    def waive(self, error: TokenError) -> Error:
        """Returns the exception for a failure: the error, or CredentialsNotFound if so configured."""
        if self.config.is_anonymous_on_error:
            return CredentialsNotFound(self.request.host, waived=error)
        return error

    def find_token(self) -> "AccessToken | None":
        """Returns the first token of the sources; None when the default sources have none."""
        tried, absent = [], None
        for name in self.list_names():
            kind = name.partition(":")[0]
            self.origin = kind
            try:
                return self._get_token_of(name)
            except NoToken as reason:
                tried.append(f"{kind}: {reason}")
                absent = absent or (reason if reason.command else None)
            except TokenError as error:
                raise self._make_error([*tried, f"{kind}: {error}"], error) from error
        if self.settings.is_explicit:
            hint = "configure a token source that has a credential"
            raise self._make_error(tried, TokenError("", hint=hint)) from absent
        return None

    def list_names(self) -> tuple[str, ...]:
        """Returns the names of the sources, in order; a key that is stored for the host comes first."""
        path = paths.find_logins_file(self.environ, self.platform)
        if path is not None and os.path.lexists(path):
            return (f"{DOCKER_LOGIN}:{self.request.host}", *self.settings.token_sources)
        return self.settings.token_sources

    def find_source(self, name: str) -> "TokenSource":
        """Returns the source of a name, or the account that it impersonates. Raises NoToken, TokenError."""
        source = token_sources.find_source(name, environ=self.environ, platform=self.platform)
        if self.settings.impersonate:
            from .token_sources.impersonated import Impersonated  # 0.1 ms, which most users save

            return Impersonated(source, self.settings, self.environ)
        return source

    def find_entry(self, source: "TokenSource") -> str | None:
        """Returns the cache file of a source; None when its tokens are not cached, or the cache is off.

        Its name depends on everything that decides which token, or which error, an uncached call would give.
        """
        if not source.is_cached:
            return None
        identity = (
            # A token of an emulator must never be found for Google. Other hosts share no token, because the
            # audience of Google Distributed Cloud's tokens is the host.
            self.request.host if self.request.trust_domain == registries.OTHER else self.request.trust_domain,
            source.identity,
            self.request.scopes,
            self.settings.account or "",
            "self-signed" if self.config.is_self_signed else "",
            self.config.insecure_hosts,
            # Without this variable a key of gcr-emulator for Google's endpoints is refused.
            self.environ.get("GCR_EMULATOR_URL", ""),
            *(self._identify_file(variable) for variable in CA_FILES),
        )
        return cache.find_entry(identity, environ=self.environ, platform=self.platform)

    def _identify_file(self, variable: str) -> "tuple[str, ...] | str":
        path = self.environ.get(variable)
        return paths.find_identity(path) if path else ""

    def _get_token_of(self, name: str) -> "AccessToken":
        source = self.find_source(name)
        if not source.is_cached:
            return source.fetch(self.request, self.deadline)
        entry = self.find_entry(source)
        token = cache.load_token(entry, self.now())
        if token and token.is_fresh(self.now()) and not token.is_aging(self.now(), self.config.min_ttl_s):
            self.origin += ", cached"
            return token
        from .tokens import refresh  # 8 ms, which a cached token saves

        return refresh.refresh(
            source,
            self.request,
            entry,
            find_entry=lambda: self._find_entry_again(name),
            min_ttl_s=self.config.min_ttl_s,
            deadline=self.deadline,
            now=self.now,
        )

    def _find_entry_again(self, name: str) -> str | None:
        """Returns the cache file that the source has now; None when the source is gone."""
        try:
            return self.find_entry(self.find_source(name))
        except (NoToken, TokenError):
            return None

    def _make_error(self, tried: list[str], error: TokenError) -> TokenError:
        return TokenError(f"no access token for {self.request.host}: " + "; ".join(tried), hint=error.hint)
