"""Conflicts of Docker's configuration with the helper's about a registry, and the commands that mend them."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from docker_credential_gcr.errors import quote
from docker_credential_gcr.helper import PROGRAM, SUFFIX, registries

from .docker_config import DockerConfig, format_stored_login
from .environment import Problem

NOT_CONFIGURED, OTHER_HELPER = "not configured", "other helper"
OPTIONS = {NOT_CONFIGURED: "", OTHER_HELPER: " --overwrite"}  # of the command that mends each


def find_conflicts(host: str, docker: DockerConfig, configured: Container[str]) -> list[Problem]:
    """Returns what keeps docker from asking the helper for a host, and the helper from giving it a token."""
    found = []
    helper = docker.helpers.get(host, docker.store)
    has_trust_domain = registries.find_trust_domain(host, configured) is not None
    if helper != SUFFIX and not has_trust_domain:
        options = " --overwrite" if host in docker.helpers else ""
        command = f"{PROGRAM} configure-docker --registries {host} --token-source file:KEY.json{options}"
        return [Problem(NOT_CONFIGURED, "neither docker nor the helper is configured for it", command)]
    if helper is None:
        text = _explain_misspelled(host, docker)
        # Where nothing is configured yet, the default registries are configured together.
        is_first = text is None and not docker.hosts and host in registries.DEFAULT_HOSTS
        command = _format_command(NOT_CONFIGURED, registries.DEFAULT_HOSTS if is_first else (host,))
        found.append(Problem(NOT_CONFIGURED, text or "docker asks no helper for it", command))
    elif helper != SUFFIX:
        asked = f"docker-credential-{helper}" if helper else "its own file"
        command = _format_command(OTHER_HELPER, (host,))
        found.append(Problem(OTHER_HELPER, f"docker asks {asked} for it", command))
    if not has_trust_domain:
        text = "it is not Google's, and has no token source: it gets no token"
        command = f"{PROGRAM} config --registry {host} --token-source file:KEY.json"
        found.append(Problem("no source", text, command))
    for key, stored_host in docker.stored_logins.items():
        if stored_host == host:
            text = format_stored_login(docker.path)
            found.append(Problem("stale login", text, f"docker logout {key}", is_fatal=False))
    return found


def is_foreign(host: str, docker: DockerConfig, configured: Container[str]) -> bool:
    """Returns whether a host is not the helper's: not Google's, not on loopback, in no configuration."""
    is_known = (
        registries.find_trust_domain(host, configured) is not None or docker.helpers.get(host) == SUFFIX
    )
    return not is_known and not registries.is_loopback(host)


def join(found: Mapping[str, tuple[Problem, ...]]) -> dict[str, tuple[Problem, ...]]:
    """Returns the problems by host; equal ones of several hosts get one command for all of these hosts."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for host, problems in found.items():
        for problem in problems:
            hosts.setdefault((problem.name, problem.text), []).append(host)

    def join_command(problem: Problem) -> Problem:
        alike = hosts[problem.name, problem.text]
        if len(alike) == 1 or problem.name not in OPTIONS:
            return problem
        return replace(problem, command=_format_command(problem.name, alike))

    return {host: tuple(map(join_command, problems)) for host, problems in found.items()}


def _format_command(name: str, hosts: Iterable[str]) -> str:
    """Returns the command that makes this program the helper of the hosts."""
    named = "" if set(hosts) == set(registries.DEFAULT_HOSTS) else f" --registries {','.join(hosts)}"
    return f"{PROGRAM} configure-docker{named}{OPTIONS[name]}"


def format_misspelled(key: str) -> str:
    """Returns the text for a key of config.json that docker never asks for."""
    return f"docker never asks for {quote(key)}: it compares the names byte for byte"


def _explain_misspelled(host: str, docker: DockerConfig) -> str | None:
    """Returns the text for a key that is another spelling of the host; None without such a key."""
    keys = [key for key in docker.hosts if key != host and registries.find_host(key) == host]
    return format_misspelled(keys[0]) if keys else None
