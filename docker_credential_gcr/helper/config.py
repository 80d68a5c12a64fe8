"""Configuration of the helper: environment variables, and the file that Google's helper also reads.

{"TokenSources": ["store", "env"], "MinTTL": 300, "Timeout": 10, "OnError": "fail", "SelfSignedJWT": false,
 "Registries": {"localhost:43121": {"TokenSources": ["file:/abs/key.json"], "Account": null,
                                    "Impersonate": null, "Delegates": [], "Lifetime": 3600, "Scopes": []}}}
"""

import sys

from docker_credential_gcr.errors import ConfigError, find_secret_form, quote

from . import paths, wire
from .tokens import parse_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SOURCES = ("store", "env")  # as in Google's helper
# Artifact Registry accepts no narrower scope.
DEFAULT_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
DEFAULT_MIN_TTL_S = 300.0
DEFAULT_TIMEOUT_S = 10.0
DEFAULT_LIFETIME_S = 3600
MAX_LIFETIME_S = 43200  # https://cloud.google.com/iam/docs/create-short-lived-credentials-direct
PREFIX = "DOCKER_CREDENTIAL_GCR_"
TOKEN_HOST = "CLOUDSDK_AUTH_TOKEN_HOST"  # gcloud's own variable for another token endpoint
GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"
CHECK = "configuration"  # the name of its faults in `doctor`
SWITCH = {"on": True, "off": False, "true": True, "false": False, "1": True, "0": False}


class Settings:
    """Settings of a registry: its own members, else those of the whole file."""

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
        base: "Settings | None" = None,
    ) -> None:
        own = _parse_sources(_parse_strings(members, "TokenSources", at), at)
        configured = forced or own or (base.token_sources if base and base.is_configured else ())
        self.token_sources: tuple[str, ...] = configured or DEFAULT_SOURCES
        # A configured list without any credential is a failure, unless it contains `none`.
        self.is_explicit: bool = bool(configured) and "none" not in configured
        scopes = _parse_strings(members, "Scopes", at)
        self.scopes: tuple[str, ...] = scopes or (base.scopes if base else DEFAULT_SCOPES)
        self.account: str | None = _parse_string(members, "Account", at) or (base.account if base else None)
        self.impersonate: str | None = _parse_string(members, "Impersonate", at)
        self.delegates: tuple[str, ...] = _parse_strings(members, "Delegates", at)
        if base and not self.impersonate:
            self.impersonate, self.delegates = base.impersonate, self.delegates or base.delegates
        default_s = base.lifetime_s if base else DEFAULT_LIFETIME_S
        self.lifetime_s: int = _parse_lifetime(members, at, default_s)

    @property
    def is_configured(self) -> bool:
        """Returns whether the list of token sources is configured, not the default."""
        return self.is_explicit or "none" in self.token_sources


class Config:
    """Configuration of the helper, checked as a whole."""

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
        self.timeout_s = _parse_duration(environ, "TIMEOUT", file, "Timeout", at, DEFAULT_TIMEOUT_S)
        self.min_ttl_s = _parse_duration(environ, "MIN_TTL", file, "MinTTL", at, DEFAULT_MIN_TTL_S)
        if file.get("OnError", "fail") not in ("fail", "anonymous"):
            raise ConfigError(f'{at}OnError must be "fail" or "anonymous"')
        self.is_anonymous_on_error = file.get("OnError") == "anonymous"
        self.is_self_signed = _parse_switch(environ, file, at)
        self.insecure_hosts = parse_insecure_hosts(environ)
        variable = PREFIX + "TOKEN_SOURCE"
        forced = _parse_sources(tuple(environ.get(variable, "").split(",")), variable + ": ")
        self.settings = Settings(file, at, forced=forced)
        self.registries: dict[str, Settings] = {}
        for host, registry in _parse_object(file.get("Registries"), at + "Registries").items():
            where = f"{at}Registries[{quote(host)}]"
            _check_form(host, where, "a host")
            members = _parse_object(registry, where)
            self.registries[host.lower()] = Settings(members, where + ": ", forced=forced, base=self.settings)

    def get_settings(self, host: str) -> Settings:
        """Returns the settings of a host: its own, else the global ones."""
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
        return _parse_object(wire.loads(text.removeprefix("\ufeff") or "{}"), repr(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path!r}: {error.strerror}", hint=paths.HINT) from error
    except ValueError as error:
        raise ConfigError(f"{path!r} is malformed: {error}", hint="correct the file, or remove it") from error


def parse_insecure_hosts(environ: "Mapping[str, str]") -> tuple[str, ...]:
    """Returns the hosts whose token endpoints need no TLS, with or without a port."""
    return tuple(environ.get(PREFIX + "INSECURE_TOKEN_HOSTS", "").lower().replace(",", " ").split())


def _parse_duration(
    environ: "Mapping[str, str]", variable: str, file: "dict[str, object]", name: str, at: str, default: float
) -> float:
    """Returns a duration in seconds: from the variable, else the file, else the default."""
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


def _parse_switch(environ: "Mapping[str, str]", file: "dict[str, object]", at: str) -> bool:
    """Returns whether keys sign access tokens: from the variable, else the file, else False."""
    given, value = environ.get(PREFIX + "SELF_SIGNED_JWT"), file.get("SelfSignedJWT")
    if given:
        if given.lower() not in SWITCH:
            text, command = f"{PREFIX}SELF_SIGNED_JWT must be on or off", f"unset {PREFIX}SELF_SIGNED_JWT"
            raise ConfigError(text, check=CHECK, command=command)
        return SWITCH[given.lower()]
    if value is not None and not isinstance(value, bool):
        raise ConfigError(f"{at}SelfSignedJWT must be true or false")
    return bool(value)


def _parse_lifetime(members: "dict[str, object]", where: str, default: int) -> int:
    """Returns the lifetime of an impersonated account's tokens, in seconds."""
    value = members.get("Lifetime")
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 60 <= value <= MAX_LIFETIME_S:
        raise ConfigError(f"{where}Lifetime must be a number of seconds from 60 to {MAX_LIFETIME_S}")
    return value


def _parse_object(value: object, where: str) -> "dict[str, object]":
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a JSON object")
    return value


def _parse_string(members: "dict[str, object]", name: str, where: str) -> str | None:
    value = members.get(name)
    if value is not None and not (isinstance(value, str) and value.isprintable()):
        raise ConfigError(f"{where}{name} must be a string")
    _check_form(value or "", where + name, "a name")
    return value or None


def _parse_strings(members: "dict[str, object]", name: str, where: str) -> tuple[str, ...]:
    value = members.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}{name} must be a list of strings")
    for item in value:
        _check_form(item, where + name, "a list of names")
    return tuple(value)


def _check_form(value: str, where: str, expected: str) -> None:
    """Raises ConfigError for a value that no message may repeat: not printable, or like a secret."""
    form = find_secret_form(value) or ("" if value.isprintable() else "text that is not printable")
    if form:
        raise ConfigError(f"{where} holds {form}, not {expected}", hint="correct the file")


def _parse_sources(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    try:
        return parse_names(names)
    except ConfigError as error:
        command = f"unset {where.rstrip(': ')}" if where.startswith(PREFIX) else ""
        raise ConfigError(f"{where}{error}", check=CHECK, command=command) from error
