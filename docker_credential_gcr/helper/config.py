"""The helper's configuration: environment variables, and the file that Google's helper also reads.

{"TokenSources": ["store", "env"], "MinTTL": 300, "Timeout": 10, "OnError": "fail", "SelfSignedJWT": false,
 "Registries": {"localhost:43121": {"TokenSources": ["file:/abs/key.json"], "Account": null,
                                    "Impersonate": null, "Delegates": [], "Lifetime": 3600, "Scopes": []}}}
"""

import sys

from docker_credential_gcr.errors import ConfigError, find_secret_form, quote

from . import paths, wire
from .tokens.request import parse_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SOURCES = ("store", "env")  # Google's helper's, in its order
DEFAULT_SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
)  # Artifact Registry takes nothing narrower
DEFAULT_MIN_TTL_S = 300.0
DEFAULT_TIMEOUT_S = 10.0
DEFAULT_LIFETIME_S = 3600
MAX_LIFETIME_S = 43200  # https://cloud.google.com/iam/docs/create-short-lived-credentials-direct
PREFIX = "DOCKER_CREDENTIAL_GCR_"
TOKEN_HOST = "CLOUDSDK_AUTH_TOKEN_HOST"  # gcloud's own variable for another token endpoint
GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"
CHECK = "configuration"  # what `doctor` calls a fault of it
SWITCH = {"on": True, "off": False, "true": True, "false": False, "1": True, "0": False}


class Settings:
    """What applies to one registry: its own members, else those of the whole file."""

    __slots__ = (
        "account",
        "delegates",
        "impersonate",
        "is_explicit",
        "lifetime_s",
        "scopes",
        "token_sources",
    )

    def __init__(
        self,
        members: "dict[str, object]",
        at: str,
        *,
        forced: tuple[str, ...] = (),
        above: "Settings | None" = None,
    ) -> None:
        own = _sources(_strings(members, "TokenSources", at), at)
        configured = forced or own or (above.token_sources if above and above.is_configured else ())
        self.token_sources: tuple[str, ...] = configured or DEFAULT_SOURCES
        # Finding nothing in a list that somebody wrote is a failure, unless `none` in it says otherwise.
        self.is_explicit: bool = bool(configured) and "none" not in configured
        self.scopes: tuple[str, ...] = _strings(members, "Scopes", at) or (
            above.scopes if above else DEFAULT_SCOPES
        )
        self.account: str | None = _string(members, "Account", at) or (above.account if above else None)
        self.impersonate: str | None = _string(members, "Impersonate", at)
        self.delegates: tuple[str, ...] = _strings(members, "Delegates", at)
        if above and not self.impersonate:
            self.impersonate, self.delegates = above.impersonate, self.delegates or above.delegates
        self.lifetime_s: int = _lifetime(members, at, above.lifetime_s if above else DEFAULT_LIFETIME_S)

    @property
    def is_configured(self) -> bool:
        """Whether somebody wrote the list of token sources."""
        return self.is_explicit or "none" in self.token_sources


class Config:
    """The whole configuration, checked."""

    __slots__ = (
        "insecure_hosts",
        "is_anonymous_on_error",
        "is_self_signed",
        "min_ttl_s",
        "registries",
        "settings",
        "timeout_s",
    )

    def __init__(self, file: "dict[str, object]", path: str, environ: "Mapping[str, str]") -> None:
        at = f"{path!r}: "
        self.timeout_s = _number(environ, "TIMEOUT", file, "Timeout", at, DEFAULT_TIMEOUT_S)
        self.min_ttl_s = _number(environ, "MIN_TTL", file, "MinTTL", at, DEFAULT_MIN_TTL_S)
        if file.get("OnError", "fail") not in ("fail", "anonymous"):
            raise ConfigError(f'{at}OnError must be "fail" or "anonymous"')
        self.is_anonymous_on_error = file.get("OnError") == "anonymous"
        self.is_self_signed = _switch(environ, file, at)
        self.insecure_hosts = parse_insecure_hosts(environ)
        variable = PREFIX + "TOKEN_SOURCE"
        forced = _sources(tuple(environ.get(variable, "").split(",")), variable + ": ")
        self.settings = Settings(file, at, forced=forced)
        self.registries: dict[str, Settings] = {}
        for host, registry in _object(file.get("Registries"), at + "Registries").items():
            where = f"{at}Registries[{quote(host)}]"
            _check_form(host, where, "a host")
            members = _object(registry, where)
            self.registries[host.lower()] = Settings(
                members, where + ": ", forced=forced, above=self.settings
            )

    def get_settings(self, host: str) -> Settings:
        """What applies to a host: its own settings, else the global ones."""
        return self.registries.get(host) or self.settings


def load_config(environ: "Mapping[str, str]", platform: str = sys.platform) -> Config:
    """Returns the configuration in force. Raises ConfigError for a malformed file or variable."""
    path = paths.find_config_file(environ, platform)
    try:
        return Config(_load(path), path or "", environ)
    except ConfigError as error:
        error.check, error.command = CHECK, error.command or paths.format_moving(path)
        raise


def _load(path: str | None) -> "dict[str, object]":
    try:
        text = paths.read_file(path or "")[0].decode("utf-8")
        return _object(wire.loads(text.removeprefix("\ufeff") or "{}"), repr(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path!r}: {error.strerror}", hint=paths.HINT) from error
    except ValueError as error:
        raise ConfigError(f"{path!r} is malformed: {error}", hint="correct the file, or remove it") from error


def parse_insecure_hosts(environ: "Mapping[str, str]") -> tuple[str, ...]:
    """The hosts whose token endpoints need no TLS, with or without a port."""
    return tuple(environ.get(PREFIX + "INSECURE_TOKEN_HOSTS", "").lower().replace(",", " ").split())


def _number(
    environ: "Mapping[str, str]", variable: str, file: "dict[str, object]", name: str, at: str, default: float
) -> float:
    """A duration in seconds: the variable's, else the file's, else the default."""
    given, value = environ.get(PREFIX + variable), file.get(name)
    where = at + name
    if given:
        where = PREFIX + variable
        try:
            value = float(given)
        except ValueError:
            value = given
    elif value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        command = f"unset {where}" if given else ""
        raise ConfigError(f"{where} must be a number of seconds", check=CHECK, command=command)
    return float(value)


def _switch(environ: "Mapping[str, str]", file: "dict[str, object]", at: str) -> bool:
    """Whether keys make their access tokens themselves: the variable, else the file, else not."""
    given, value = environ.get(PREFIX + "SELF_SIGNED_JWT"), file.get("SelfSignedJWT")
    if given:
        if given.lower() not in SWITCH:
            text, command = f"{PREFIX}SELF_SIGNED_JWT must be on or off", f"unset {PREFIX}SELF_SIGNED_JWT"
            raise ConfigError(text, check=CHECK, command=command)
        return SWITCH[given.lower()]
    if value is not None and not isinstance(value, bool):
        raise ConfigError(f"{at}SelfSignedJWT must be true or false")
    return bool(value)


def _lifetime(members: "dict[str, object]", where: str, default: int) -> int:
    """How long an impersonated account's tokens are to live, in seconds."""
    value = members.get("Lifetime")
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 60 <= value <= MAX_LIFETIME_S:
        raise ConfigError(f"{where}Lifetime must be a number of seconds from 60 to {MAX_LIFETIME_S}")
    return value


def _object(value: object, where: str) -> "dict[str, object]":
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a JSON object")
    return value


def _string(members: "dict[str, object]", name: str, where: str) -> str | None:
    value = members.get(name)
    if value is not None and not (isinstance(value, str) and value.isprintable()):
        raise ConfigError(f"{where}{name} must be a string")
    _check_form(value or "", where + name, "a name")
    return value or None


def _strings(members: "dict[str, object]", name: str, where: str) -> tuple[str, ...]:
    value = members.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}{name} must be a list of strings")
    for item in value:
        _check_form(item, where + name, "a list of names")
    return tuple(value)


def _check_form(value: str, where: str, expected: str) -> None:
    """Raises ConfigError for what other messages could not repeat: not printable, or like a secret."""
    form = find_secret_form(value) or ("" if value.isprintable() else "text that is not printable")
    if form:
        raise ConfigError(f"{where} holds {form}, not {expected}", hint="correct the file")


def _sources(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    try:
        return parse_names(names)
    except ConfigError as error:
        command = f"unset {where.rstrip(': ')}" if where.startswith(PREFIX) else ""
        raise ConfigError(f"{where}{error}", check=CHECK, command=command) from error
