"""Checks of the machine, without a network: the environment, the program, both configurations, the cache."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import PROGRAM, paths
from docker_credential_gcr.helper.config import Config, load_config
from docker_credential_gcr.helper.configure import docker_config, environment, helper_config
from docker_credential_gcr.helper.configure.docker_config import DockerConfig
from docker_credential_gcr.helper.google_auth import programs

from .findings import FAULT, OK, WARNING, Finding, from_problem

BANNER = f"{PROGRAM} ({PROGRAM}) "  # the begin of what `version` prints
TIMEOUT_S = 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def examine(environ: Mapping[str, str], platform: str = sys.platform) -> Iterator[Finding]:
    """Yields the findings for the environment and the cache."""
    yield from map(from_problem, environment.find_problems(environ, platform))
    yield from _examine_cache(environ, platform)


def examine_program(program: str, environ: Mapping[str, str]) -> Finding:
    """Runs the program that docker would run; returns whether it is this one, as a finding."""
    command = environment.make_path_command()
    try:
        run = programs.run([program, "version"], environ, time.monotonic() + TIMEOUT_S)
    except programs.Unanswered as error:
        return Finding("program", FAULT, f"{program!r} {error}", command)
    except OSError as error:
        return Finding("program", FAULT, f"{program!r} cannot be run: {error.strerror}", command)
    banner = run.stdout.strip()
    if not banner.startswith(BANNER):
        printed = f"prints {banner:.80}" if banner else "prints nothing"
        return Finding("program", FAULT, f"{program!r} is another program: `version` {printed}", command)
    return Finding("program", OK, f"{program!r} is {banner}")


def load_docker_config(environ: Mapping[str, str]) -> DockerConfig:
    """Loads config.json. Raises ConfigError also for a byte order mark, which only docker refuses."""
    docker, is_marked = docker_config.load(environ), False
    with suppress(FileNotFoundError):
        is_marked = paths.read_file(docker.path)[0].startswith(BYTE_ORDER_MARK)
    if is_marked:
        raise ConfigError(f"{docker.path!r} begins with a byte order mark, which docker refuses")
    return docker


def explain_docker_config_fault(
    error: ConfigError, hosts: tuple[str, ...], environ: Mapping[str, str]
) -> Finding:
    """Returns the finding for a config.json that docker refuses, with the command that writes a new one."""
    configure = f"{PROGRAM} configure-docker" + (f" --registries {','.join(hosts)}" if hosts else "")
    moving = paths.format_moving(docker_config.get_path(environ))
    command = configure if "byte order mark" in str(error) else f"{moving} && {configure}"
    return Finding("docker configuration", FAULT, str(error), command)


def explain_variable(error: ConfigError) -> Finding:
    """Returns the finding for a variable that should hold the path of a file or a directory."""
    return Finding("variable", FAULT, str(error), error.command or None)


def load_helper_config(environ: Mapping[str, str], platform: str) -> Config | Finding:
    """Loads the helper's configuration; returns a finding for a malformed one."""
    try:
        return load_config(environ, platform)
    except ConfigError as error:
        return Finding(error.check, FAULT, str(error), error.command or None)


def examine_keys(environ: Mapping[str, str], platform: str) -> Iterator[Finding]:
    """Yields a finding for each key of the helper's configuration that is ignored."""
    for text in helper_config.find_ignored_keys(environ, platform):
        yield Finding("configuration", WARNING, text)


def _examine_cache(environ: Mapping[str, str], platform: str) -> Iterator[Finding]:
    """Yields a finding where no token can be cached: the nearest existing directory must be writable."""
    directory = paths.find_cache_dir(environ, platform)
    if directory is None:
        return
    existing = os.path.abspath(directory)
    while not os.path.exists(existing) and existing != os.path.dirname(existing):
        existing = os.path.dirname(existing)
    if os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK):
        return
    text = f"tokens cannot be cached in {directory!r}: each call fetches a new one"
    # mktemp: another user could guess a fixed name in /tmp, and create it first.
    command = 'export DOCKER_CREDENTIAL_GCR_CACHE_DIR="$(mktemp -d)"'
    yield Finding("cache", WARNING, text, command)
