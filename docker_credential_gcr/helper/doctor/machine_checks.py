"""What `doctor` finds on the machine, without a network: the program, and the two configurations."""

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

BANNER = f"{PROGRAM} ({PROGRAM}) "  # what `version` of this program begins with
TIMEOUT_S = 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def examine(environ: Mapping[str, str], platform: str = sys.platform) -> Iterator[Finding]:
    """Every check of the machine but for the program and the configurations."""
    problems = environment.find_problems(environ, platform)
    yield from map(from_problem, problems)
    yield from _examine_cache(environ, platform)


def examine_program(program: str, environ: Mapping[str, str]) -> Finding:
    """Whether the program that docker would run is this one, and runs."""
    first = environment.make_path_command()
    try:
        run = programs.run([program, "version"], environ, time.monotonic() + TIMEOUT_S)
    except programs.Unanswered as error:
        return Finding("program", FAULT, f"{program!r} {error}", first)
    except OSError as error:
        return Finding("program", FAULT, f"{program!r} cannot be run: {error.strerror}", first)
    banner = run.output.strip()
    if not banner.startswith(BANNER):
        told = f"says {banner:.80}" if banner else "says nothing to `version`"
        return Finding("program", FAULT, f"{program!r} is another program: it {told}", first)
    return Finding("program", OK, f"{program!r} is {banner}")


def load_docker_config(environ: Mapping[str, str]) -> DockerConfig:
    """What config.json says. Raises ConfigError also for a byte order mark, which only docker refuses."""
    view, is_marked = docker_config.load(environ), False
    with suppress(FileNotFoundError):
        is_marked = paths.read_file(view.path)[0].startswith(BYTE_ORDER_MARK)
    if is_marked:
        raise ConfigError(f"{view.path!r} begins with a byte order mark, which docker refuses")
    return view


def explain_docker_config_fault(
    error: ConfigError, hosts: tuple[str, ...], environ: Mapping[str, str]
) -> Finding:
    """The finding that docker cannot read its file, with the command that makes another."""
    configure = f"{PROGRAM} configure-docker" + (f" --registries {','.join(hosts)}" if hosts else "")
    moving = paths.format_moving(docker_config.get_path(environ))
    command = configure if "byte order mark" in str(error) else f"{moving} && {configure}"
    return Finding("docker configuration", FAULT, str(error), command)


def explain_variable(error: ConfigError) -> Finding:
    """Returns the finding for a variable that does not hold the path of a file or a directory."""
    return Finding("variable", FAULT, str(error), error.command or None)


def load_helper_config(environ: Mapping[str, str], platform: str) -> Config | Finding:
    """The helper's configuration, or what is wrong with it."""
    try:
        return load_config(environ, platform)
    except ConfigError as error:
        return Finding(error.check, FAULT, str(error), error.command or None)


def examine_keys(environ: Mapping[str, str], platform: str) -> Iterator[Finding]:
    """The keys of the helper's configuration that are ignored."""
    for text in helper_config.find_ignored_keys(environ, platform):
        yield Finding("configuration", WARNING, text)


def _examine_cache(environ: Mapping[str, str], platform: str) -> Iterator[Finding]:
    """Whether tokens can be kept; the nearest directory that is there decides for those that are not."""
    directory = paths.find_cache_dir(environ, platform)
    if directory is None:
        return
    there = os.path.abspath(directory)
    while not os.path.exists(there) and there != os.path.dirname(there):
        there = os.path.dirname(there)
    if os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK):
        return
    text = f"tokens cannot be kept in {directory!r}: each call buys a new one"
    # Not a name in /tmp that others can guess, and take before.
    command = 'export DOCKER_CREDENTIAL_GCR_CACHE_DIR="$(mktemp -d)"'
    yield Finding("cache", WARNING, text, command)
