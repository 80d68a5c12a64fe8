"""All checks of `doctor` in order: the machine, the configurations, the helper, then each registry."""

import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from docker_credential_gcr import connection_causes
from docker_credential_gcr.errors import ConfigError, Error, UsageError, quote
from docker_credential_gcr.helper import lookup, registries
from docker_credential_gcr.helper.config import Config
from docker_credential_gcr.helper.configure import arguments, conflicts, environment
from docker_credential_gcr.helper.configure.docker_config import DockerConfig
from docker_credential_gcr.helper.token_sources.impersonated import Impersonated
from docker_credential_gcr.helper.token_sources.key_file import KeyFile

from . import accounts, helper_checks, machine_checks
from .access import RegistryAccess
from .findings import FAULT, OK, Finding, from_problem
from .registry_checks import RegistryChecks

Target = tuple[str, str | None, str | None]  # host, repository, and tag or digest


def examine(
    names: tuple[str, ...],
    environ: Mapping[str, str],
    platform: str = sys.platform,
    now: Callable[[], float] = time.time,
) -> Iterator[Finding]:
    """Yields the findings for hosts or images; without names, for all configured registries.

    Raises UsageError for a name that is not a registry's.
    """
    targets = [parse_target(name) for name in names]
    try:
        yield from _examine_all(targets, environ, platform, now)
    except ConfigError as error:
        yield machine_checks.explain_variable(error)


def _examine_all(
    targets: list[Target],
    environ: Mapping[str, str],
    platform: str,
    now: Callable[[], float],
) -> Iterator[Finding]:
    """Yields the findings. Raises ConfigError for a variable that does not hold a path."""
    yield from machine_checks.examine(environ, platform)
    program = environment.find_program(environ)
    if program is not None:
        finding = machine_checks.examine_program(program, environ)
        yield finding
        program = program if finding.state == OK else None  # another program is not asked for tokens
    config = machine_checks.load_helper_config(environ, platform)
    if isinstance(config, Finding):
        yield config
        return
    yield from machine_checks.examine_keys(environ, platform)
    hosts = tuple(dict.fromkeys(host for host, _, _ in targets)) or tuple(config.registries)
    try:
        docker = machine_checks.load_docker_config(environ)
    except ConfigError as error:
        yield machine_checks.explain_docker_config_fault(error, hosts, environ)
        return
    for target in targets or _list_targets(config, docker):
        yield from _examine_registry(target, program, config, docker, environ, platform, now)


def parse_target(name: str) -> Target:
    """Parses a host or an image. Raises UsageError."""
    host = arguments.parse_host(name)
    if "." not in host and ":" not in host and host != "localhost":
        # docker reads it as a path on its Hub: https://pkg.go.dev/github.com/distribution/reference
        raise UsageError(
            f"{quote(name)} is not a registry: docker reads it as an image of Docker Hub",
            hint="name a host, such as us-docker.pkg.dev or localhost:5000",
        )
    _, _, path = name.removeprefix("https://").removeprefix("http://").partition("/")
    path = path.strip("/")
    if path in ("", "v2"):
        return host, None, None
    repository, at, digest = path.partition("@")
    repository, _, tag = repository.partition(":")
    return host, repository, digest if at else tag or None


def _list_targets(config: Config, docker: DockerConfig) -> list[Target]:
    """Returns the registries of both configurations; when there are none, the first default registry."""
    asked = (host for host in docker.hosts if registries.find_host(host) == host)
    hosts = dict.fromkeys((*asked, *config.registries)) or dict.fromkeys(registries.DEFAULT_HOSTS[:1])
    return [(host, None, None) for host in hosts]


def _examine_registry(
    target: Target,
    program: str | None,
    config: Config,
    docker: DockerConfig,
    environ: Mapping[str, str],
    platform: str,
    now: Callable[[], float],
) -> Iterator[Finding]:
    host, repository, tag = target
    if conflicts.is_foreign(host, docker, config.registries):
        text = "it is neither a Google registry nor configured for this helper: docker logs in without it"
        yield Finding("foreign registry", OK, text, None, host)
        return
    found = conflicts.find_conflicts(host, docker, config.registries)
    for problem in found:
        yield from_problem(problem, host)
    if not any(problem.is_fatal for problem in found):
        yield Finding("docker configuration", OK, f"{docker.path!r} gives it to the helper", None, host)
    if registries.find_trust_domain(host, config.registries) is None:
        return
    access = _find_access(host, repository, config, environ, platform)
    fault = access.find_name_fault()
    if fault is not None:
        yield Finding("image name", FAULT, fault, None, host)
        access = replace(access, repository=None)
    if program is None:
        yield from RegistryChecks(access, tag, None, environ, config.timeout_s, now).examine()
        return
    secret, finding = helper_checks.fetch_secret(access, config, environ, platform)
    yield finding
    explain = functools.partial(helper_checks.explain_refusal, access, config, environ, platform)
    yield from RegistryChecks(access, tag, secret, environ, config.timeout_s, now, explain).examine()


def _find_access(
    host: str, repository: str | None, config: Config, environ: Mapping[str, str], platform: str
) -> RegistryAccess:
    """Returns the access to a registry, with the account and the key file as far as they are known."""
    is_tls = registries.is_loopback(host) and connection_causes.speaks_tls(f"http://{host}")
    scheme = "https" if is_tls else "http"
    # `gcr-emulator run` sets it to gcr.io: there an emulator answers for Google's hosts.
    is_private = environ.get("GCR_EMULATOR_REGISTRY") == "gcr.io" and registries.is_google(host)
    server = environ.get("GCR_EMULATOR_URL") if is_private else None
    search = lookup.open_search(host, environ=environ, platform=platform, config=config)
    for name in search.list_names():
        with suppress(Error):
            source = search.find_source(name)
            base = source.base if isinstance(source, Impersonated) else source
            path = base.path if isinstance(base, KeyFile) else None
            account = None
            with suppress(Error):
                account = accounts.find_account(source)
            return RegistryAccess(host, repository, account, path, scheme, server)
    return RegistryAccess(host, repository, scheme=scheme, server=server)
