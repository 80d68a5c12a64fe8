"""The helper's configuration: environment variables, and the file that Google's helper also reads.

{"TokenSources": ["store", "env"], "MinTTL": 300, "Timeout": 10, "OnError": "fail",
 "Registries": {"localhost:43121": {"TokenSources": ["file:/abs/key.json"], "Scopes": []}}}
"""

import sys

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import paths, token_sources, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SOURCES = ("store", "env")  # Google's helper's, in its order
DEFAULT_SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
)  # Artifact Registry takes nothing narrower
DEFAULT_MIN_TTL_S = 300.0
DEFAULT_TIMEOUT_S = 10.0
MAX_SIZE = 1024 * 1024
PREFIX = "DOCKER_CREDENTIAL_GCR_"
NOT_YET = ("Account", "Impersonate", "Delegates")  # refused rather than ignored: they choose who one is


class Settings:
    """What applies to one registry."""

    __slots__ = ("is_explicit", "scopes", "token_sources")

    def __init__(self, sources: tuple[str, ...], scopes: tuple[str, ...]) -> None:
        self.token_sources = sources or DEFAULT_SOURCES
        self.scopes = scopes or DEFAULT_SCOPES
        # Finding nothing in a list that somebody wrote is a failure, unless `none` in it says otherwise.
        self.is_explicit = bool(sources) and "none" not in sources


class Config:
    """The whole configuration, checked."""

    __slots__ = (
        "insecure_hosts",
        "is_anonymous_on_error",
        "min_ttl_s",
        "registries",
        "timeout_s",
        "token_sources",
    )

    def __init__(self, file: "dict[str, object]", path: str, environ: "Mapping[str, str]") -> None:
        at = f"{path!r}: "
        self.timeout_s = _number(environ, "TIMEOUT", file, "Timeout", at, DEFAULT_TIMEOUT_S)
        self.min_ttl_s = _number(environ, "MIN_TTL", file, "MinTTL", at, DEFAULT_MIN_TTL_S)
        if file.get("OnError", "fail") not in ("fail", "anonymous"):
            raise ConfigError(f'{at}OnError must be "fail" or "anonymous"')
        self.is_anonymous_on_error = file.get("OnError") == "anonymous"
        self.insecure_hosts = parse_insecure_hosts(environ)
        variable = PREFIX + "TOKEN_SOURCE"
        forced = _sources(tuple(environ.get(variable, "").split(",")), variable + ": ")
        self.token_sources = forced or _sources(_strings(file, "TokenSources", at), at)
        self.registries: dict[str, Settings] = {}
        for host, registry in _object(file.get("Registries"), at + "Registries").items():
            where = f"{at}Registries[{host!r}]"
            members = _object(registry, where)
            for name in NOT_YET:
                if members.get(name):
                    raise ConfigError(f"{where}: {name} is not supported by this version")
            own = _sources(_strings(members, "TokenSources", where + ": "), where + ": ")
            scopes = _strings(members, "Scopes", where + ": ")
            self.registries[host.lower()] = Settings(forced or own or self.token_sources, scopes)

    def get_settings(self, host: str) -> Settings:
        """What applies to a host: its own settings, else the global ones."""
        return self.registries.get(host) or Settings(self.token_sources, ())


def load_config(environ: "Mapping[str, str]", platform: str = sys.platform) -> Config:
    """The configuration in force. Raises ConfigError when the file or a variable is malformed."""
    path = paths.find_config_file(environ, platform)
    try:
        with open(path or "", encoding="utf-8") as file:
            content = wire.loads(file.read(MAX_SIZE).removeprefix("\ufeff") or "{}")
    except FileNotFoundError:
        content = {}
    except OSError as error:
        raise ConfigError(f"cannot read {path!r}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path!r} is malformed: {error}", hint="correct the file, or remove it") from error
    return Config(_object(content, repr(path)), path or "", environ)


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
        raise ConfigError(f"{where} must be a number of seconds")
    return float(value)


def _object(value: object, where: str) -> "dict[str, object]":
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a JSON object")
    return value


def _strings(members: "dict[str, object]", name: str, where: str) -> tuple[str, ...]:
    value = members.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where}{name} must be a list of strings")
    return tuple(value)


def _sources(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    try:
        return token_sources.parse_names(names)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from error
