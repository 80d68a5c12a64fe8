"""Plans what makes this program the helper of registries: the edits of its configuration and of Docker's."""

import os
import sys
from collections.abc import Mapping

from docker_credential_gcr.errors import ConfigError, UsageError
from docker_credential_gcr.helper import (
    SUFFIX,
    config_changes,
    config_file,
    docker_config,
    registries,
    token_sources,
)
from docker_credential_gcr.helper.config import DEFAULT_SCOPES, load_config, parse_insecure_hosts

HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")  # Docker asks for its own under another name


class Registration:
    """The edits to make, in order, and what becomes of each host: new, same, or the helper that keeps it."""

    __slots__ = ("edits", "kept", "new", "same")

    def __init__(self) -> None:
        self.edits: list[config_file.Edit] = []
        self.new: list[str] = []
        self.same: list[str] = []
        self.kept: dict[str, str] = {}


def parse_hosts(names: str) -> tuple[str, ...]:
    """The hosts in a comma-separated list, as Docker will ask for them. Raises UsageError."""
    given = filter(None, (name.strip() for name in names.split(",")))
    hosts = tuple(dict.fromkeys(parse_host(name) for name in given))
    if not hosts:
        raise UsageError("--registries names no registry")
    return hosts


def parse_host(name: str) -> str:
    """The host of a registry, as Docker will ask for it. Raises UsageError."""
    url = registries.find_server_url(name.encode("utf-8", "replace"))
    host = registries.find_host(url) if url else None
    if host is None or not _is_host(host):
        raise UsageError(
            f"{name!r} is no registry: name its host, such as us-docker.pkg.dev or localhost:5000"
        )
    if host in HUB:
        raise UsageError(f"{name!r} is Docker Hub, which takes no Google credential")
    return host


def parse_token_sources(value: str) -> tuple[str, ...]:
    """The names in a comma-separated list, files by their absolute paths. Raises UsageError."""
    try:
        names = token_sources.parse_names(value.split(","), legacy={})
    except ConfigError as error:
        raise UsageError(str(error)) from error
    if not names:
        raise UsageError(f"--token-source names no token source: use {token_sources.WORKING}")
    return tuple(_make_absolute(name) for name in names)


def _make_absolute(name: str) -> str:
    kind, colon, path = name.partition(":")
    if kind not in token_sources.PATHS:
        return name
    return kind + colon + os.path.abspath(os.path.expanduser(path))


def plan(
    names: str | None,
    token_source: str | None,
    *,
    overwrite: bool,
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> Registration:
    """What to do for a command line; nothing is written.

    Raises UsageError for a registry or token source that cannot be, KeyFileError and KeyNotForHost for a key
    that would never give a token, ConfigError for a file that cannot be read or changed.
    """
    hosts = registries.DEFAULT_HOSTS if names is None else parse_hosts(names)
    sources = None if token_source is None else parse_token_sources(token_source)
    if sources is None:
        _check_configured(hosts, environ, platform)
    else:
        check_keys(sources, hosts, environ)
    path = docker_config.get_path(environ, platform)
    helpers = docker_config.parse_helpers(config_file.load_text(path), path)
    result = Registration()
    for host in hosts:
        if helpers.get(host, SUFFIX) != SUFFIX and not overwrite:
            result.kept[host] = helpers[host]
        else:
            (result.same if helpers.get(host) == SUFFIX else result.new).append(host)
    ours = result.new + result.same
    if sources is not None and ours:
        keys: list[tuple[str, ...]] = (
            [("TokenSources",)] if names is None else [("Registries", host, "TokenSources") for host in ours]
        )
        values = {key: list(sources) for key in keys}
        result.edits.append(config_changes.plan(values, (), environ, platform))
    result.edits.append(config_file.Edit(path, lambda text: docker_config.set_helpers(text, path, ours)))
    return result


def _check_configured(hosts: tuple[str, ...], environ: Mapping[str, str], platform: str) -> None:
    configured = load_config(environ, platform).registries
    for host in hosts:
        if registries.find_world(host, configured) is None:
            raise UsageError(f"{host!r} is not Google's: name the --token-source whose tokens it may have")


def check_keys(sources: tuple[str, ...], hosts: tuple[str, ...], environ: Mapping[str, str]) -> None:
    """Raise KeyFileError or KeyNotForHost when a key file among the sources would never give a token."""
    from docker_credential_gcr.helper import service_account

    insecure_hosts = parse_insecure_hosts(environ)
    for name in sources:
        if name.startswith("file:"):
            key = service_account.check_key(name[5:])
            if key is None:  # another type of credential, which only its endpoint can judge
                continue
            for host in hosts:
                world = registries.find_world(host, (host,))
                assert world is not None  # noqa: S101 - for the type checker: the host is configured
                request = token_sources.TokenRequest(
                    host, world, scopes=DEFAULT_SCOPES, insecure_hosts=insecure_hosts
                )
                service_account.check_use(key, request)


def _is_host(host: str) -> bool:
    """Whether it is a name or an address, with or without a port."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        return False
    name = name if colon else host
    if name.startswith("[") and name.endswith("]"):
        return not name[1:-1].strip("0123456789abcdef:.")
    labels = name.split(".")
    return all(0 < len(label) < 64 and not label.strip(registries.LABEL) for label in labels)
