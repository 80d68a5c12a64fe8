"""Where Docker's configuration disagrees with the helper's about a registry, and what mends it."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

from docker_credential_gcr.errors import quote
from docker_credential_gcr.helper import PROGRAM, SUFFIX, registries

from . import docker_config
from .environment import Obstacle

NOT_CONFIGURED, OTHER_HELPER = "not configured", "other helper"
OPTIONS = {NOT_CONFIGURED: "", OTHER_HELPER: " --overwrite"}  # of the command that mends each


@dataclass(frozen=True)
class View:
    """What config.json says: the program of each key, that of all, and the logins that it holds itself."""

    path: str
    helpers: dict[str, str]
    store: str | None
    stored: dict[str, str]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The keys whose program is this one, as they are written."""
        return tuple(key for key, helper in self.helpers.items() if helper == SUFFIX)


def load_view(environ: Mapping[str, str]) -> View:
    """What config.json says. Raises ConfigError when docker could not read it."""
    path = docker_config.get_path(environ)
    text = docker_config.load_text(path)
    return View(
        path,
        docker_config.parse_helpers(text),
        docker_config.find_store(text),
        docker_config.find_stored(text),
    )


def find_disagreements(host: str, view: View, configured: Container[str]) -> list[Obstacle]:
    """What keeps docker from the helper for a host, or the helper from the host."""
    found = []
    helper = view.helpers.get(host, view.store)
    has_trust_domain = registries.find_trust_domain(host, configured) is not None
    if helper != SUFFIX and not has_trust_domain:
        options = " --overwrite" if host in view.helpers else ""
        command = f"{PROGRAM} configure-docker --registries {host} --token-source file:KEY.json{options}"
        return [Obstacle(NOT_CONFIGURED, "neither docker nor the helper is configured for it", command)]
    if helper is None:
        told = find_misspelled(host, view)
        # Where nothing is configured yet, the default registries are configured together.
        is_first = told is None and not view.hosts and host in registries.DEFAULT_HOSTS
        command = _format_command(NOT_CONFIGURED, registries.DEFAULT_HOSTS if is_first else (host,))
        found.append(Obstacle(NOT_CONFIGURED, told or "docker asks no helper for it", command))
    elif helper != SUFFIX:
        holder = f"docker-credential-{helper}" if helper else "its own file"
        command = _format_command(OTHER_HELPER, (host,))
        found.append(Obstacle(OTHER_HELPER, f"docker asks {holder} for it", command))
    if not has_trust_domain:
        told = "it is not Google's, and has no token source: it gets no token"
        command = f"{PROGRAM} config --registry {host} --token-source file:KEY.json"
        found.append(Obstacle("no source", told, command))
    for key, stored in view.stored.items():
        if stored == host:
            told = f"{view.path!r} holds a login of it, which some clients use instead"
            found.append(Obstacle("stale login", told, f"docker logout {key}", is_fatal=False))
    return found


def is_foreign(host: str, view: View, configured: Container[str]) -> bool:
    """Whether a registry is none of this helper's: not Google's, not on loopback, and named in no file."""
    is_known = registries.find_trust_domain(host, configured) is not None or view.helpers.get(host) == SUFFIX
    return not is_known and not registries.is_loopback(host)


def join(found: Mapping[str, tuple[Obstacle, ...]]) -> dict[str, tuple[Obstacle, ...]]:
    """The same obstacles by host, those that are equal with one command for all of their hosts."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for host, obstacles in found.items():
        for obstacle in obstacles:
            hosts.setdefault((obstacle.name, obstacle.text), []).append(host)

    def mend_together(obstacle: Obstacle) -> Obstacle:
        alike = hosts[obstacle.name, obstacle.text]
        if len(alike) == 1 or obstacle.name not in OPTIONS:
            return obstacle
        return replace(obstacle, command=_format_command(obstacle.name, alike))

    return {host: tuple(map(mend_together, obstacles)) for host, obstacles in found.items()}


def _format_command(name: str, hosts: Iterable[str]) -> str:
    """The command that makes this program the helper of the hosts."""
    named = "" if set(hosts) == set(registries.DEFAULT_HOSTS) else f" --registries {','.join(hosts)}"
    return f"{PROGRAM} configure-docker{named}{OPTIONS[name]}"


def find_misspelled(host: str, view: View) -> str | None:
    """What to say of a key that means the host and that docker never asks for: it compares byte for byte."""
    keys = [key for key in view.hosts if key != host and registries.find_host(key) == host]
    return f"docker never asks for {quote(keys[0])}, for it compares byte for byte" if keys else None
