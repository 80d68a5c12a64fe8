"""Status of each registry: the token source that would answer Docker, its account, the token in the cache.

No server or program is asked, and nothing is written: a registry whose source must be asked is `unknown`.
docs/schemas/status.json is the form of `to_document`.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from docker_credential_gcr.errors import NoToken, TokenError, find_secret_form
from docker_credential_gcr.helper import PROGRAM, lookup, paths, registries
from docker_credential_gcr.helper.config import Config, load_config
from docker_credential_gcr.helper.configure import conflicts, docker_config, environment
from docker_credential_gcr.helper.configure.docker_config import DockerConfig
from docker_credential_gcr.helper.configure.environment import Problem
from docker_credential_gcr.helper.tokens import cache

from . import accounts, source_check

# The states of a registry.
CACHED = "cached"  # the cache has a token
READY = "ready"  # a source has a credential, and will be asked
UNKNOWN = "unknown"  # only a request to the source tells whether it has a credential
ABSENT = "absent"  # no source has a credential
FAILED = "failed"  # the source that is asked first will fail


@dataclass(frozen=True)
class RegistryStatus:
    """The status of a registry; `command` is the one that resolves an UNKNOWN state.

    `expires_at` is in seconds since the epoch.
    """

    registry: str
    state: str
    source: str | None = None
    account: str | None = None
    expires_at: int | None = None
    error: str | None = None
    command: str | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Status:
    """The program that Docker would run, the files, and the status of each registry."""

    program: str | None
    config_file: str | None
    docker_config_file: str
    cache_directory: str | None
    creds_store: bool
    registries: tuple[RegistryStatus, ...]


def load_status(
    environ: Mapping[str, str],
    platform: str = sys.platform,
    now: Callable[[], float] = time.time,
) -> Status:
    """Loads the status. Raises ConfigError when a configuration cannot be read."""
    config, docker = load_config(environ, platform), docker_config.load(environ)
    names = dict.fromkeys((*docker.hosts, *config.registries)) or dict.fromkeys(registries.DEFAULT_HOSTS)
    found = [_load_registry(name, config, docker, environ, platform, now) for name in names]
    joined = conflicts.join({status.registry: status.problems for status in found})
    return Status(
        program=environment.find_program(environ),
        config_file=paths.find_config_file(environ, platform),
        docker_config_file=docker.path,
        cache_directory=paths.find_cache_dir(environ, platform),
        creds_store=docker.is_store,
        registries=tuple(replace(status, problems=joined[status.registry]) for status in found),
    )


def _load_registry(
    name: str,
    config: Config,
    docker: DockerConfig,
    environ: Mapping[str, str],
    platform: str,
    now: Callable[[], float],
) -> RegistryStatus:
    host = registries.find_host(name)
    if host != name:
        text = conflicts.format_misspelled(name)
        return RegistryStatus(find_secret_form(name) or name, ABSENT, problems=(Problem("misspelled", text),))
    problems = tuple(conflicts.find_conflicts(host, docker, config.registries))
    if registries.find_trust_domain(host, config.registries) is None:
        return RegistryStatus(host, ABSENT, problems=problems)
    found = _find_source(host, config, environ, platform, now)
    return replace(found, problems=problems)


def _find_source(
    host: str, config: Config, environ: Mapping[str, str], platform: str, now: Callable[[], float]
) -> RegistryStatus:
    # The cache is off: a metadata server that it remembers must not change the answer.
    search = lookup.open_search(
        host, environ={**environ, paths.CACHE: "off"}, platform=platform, now=now, config=config
    )
    cached = lookup.open_search(host, environ=environ, platform=platform, now=now, config=config)
    for name in search.list_names():
        try:
            source = search.find_source(name)
            account = accounts.find_account(source)
            is_sure = source_check.holds_credential(source, search.request)
        except NoToken:
            continue
        except TokenError as error:
            return RegistryStatus(host, FAILED, name, error=str(error))
        token = cache.load_token(cached.find_entry(source), now())
        if token is not None and token.is_fresh(now()):
            return RegistryStatus(host, CACHED, name, account, token.expires_at)
        if is_sure:
            return RegistryStatus(host, READY, name, account)
        return RegistryStatus(host, UNKNOWN, name, account, command=f"{PROGRAM} doctor {host}")
    return RegistryStatus(host, ABSENT)


def to_document(status: Status) -> dict[str, object]:
    """Returns the status as a JSON object."""
    return {**vars(status), "registries": [_format(found) for found in status.registries]}


def _format(found: RegistryStatus) -> dict[str, object]:
    expires_at = None
    if found.expires_at is not None:
        instant = datetime.fromtimestamp(found.expires_at, timezone.utc)
        expires_at = instant.strftime("%Y-%m-%dT%H:%M:%SZ")
    problems = [{"text": item.text, "command": item.command} for item in found.problems]
    return {**vars(found), "expires_at": expires_at, "problems": problems}
