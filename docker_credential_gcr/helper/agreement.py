"""Where Docker's configuration disagrees with the helper's about a registry, and what mends it."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

from docker_credential_gcr.helper import PROGRAM, SUFFIX, config_file, docker_config, registries
from docker_credential_gcr.helper.surroundings import Obstacle


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
    text = config_file.load_text(path)
    return View(
        path,
        docker_config.parse_helpers(text, path),
        docker_config.find_store(text, path),
        docker_config.find_stored(text, path),
    )


def find_disagreements(host: str, view: View, configured: Container[str]) -> list[Obstacle]:
    """What keeps docker from the helper for a host, or the helper from the host."""
    configure = f"{PROGRAM} configure-docker --registries {host}"
    found = []
    helper = view.helpers.get(host, view.store)
    if helper is None:
        told = find_misspelled(host, view) or "docker asks no helper for it"
        found.append(Obstacle("not configured", told, configure))
    elif helper != SUFFIX:
        holder = f"docker-credential-{helper}" if helper else "its own file"
        found.append(Obstacle("other helper", f"docker asks {holder} for it", f"{configure} --overwrite"))
    if registries.find_world(host, configured) is None:
        told = "it is not Google's, and has no token source: it gets no token"
        command = f"{PROGRAM} config --registry {host} --token-source file:KEY.json"
        found.append(Obstacle("no source", told, command))
    for key, stored in view.stored.items():
        if stored == host:
            told = f"{view.path!r} holds a login of it, which some clients use instead"
            found.append(Obstacle("stale login", told, f"docker logout {key}", is_fatal=False))
    return found


def find_misspelled(host: str, view: View) -> str | None:
    """What to say of a key that means the host and that docker never asks for: it compares byte for byte."""
    keys = [key for key in view.hosts if key != host and registries.find_host(key) == host]
    return f"docker never asks for {keys[0]!r}, for it compares byte for byte" if keys else None
