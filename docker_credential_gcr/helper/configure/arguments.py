"""Registries, token sources and the configuration file that a command line names, parsed and checked."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass

from docker_credential_gcr.errors import FILE_KINDS, ConfigError, UsageError, quote
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.google_auth import endpoint
from docker_credential_gcr.helper.tokens import NAMES, parse_names

from . import docker_config, registry_hosts

DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True)
class Options:
    """The options of configure-docker."""

    registries: str | None = None
    token_source: str | None = None
    is_all: bool = False
    has_artifact_registry: bool = False
    is_store: bool = False
    directory: str | None = None
    authfile: str | None = None


def parse_hosts(names: str) -> tuple[str, ...]:
    """Parses a comma-separated list of registries; returns each host as docker asks for it.

    Raises UsageError.
    """
    words = filter(None, (name.strip() for name in names.split(",")))
    hosts = tuple(dict.fromkeys(parse_host(word) for word in words))
    if not hosts:
        raise UsageError("--registries names no registry")
    return hosts


def parse_host(name: str) -> str:
    """Parses the name of a registry; returns its host as docker asks for it. Raises UsageError."""
    url = registries.find_server_url(name.encode("utf-8", "replace"))
    host = registries.find_host(url) if url else None
    if host is None or not _is_host(host):
        raise UsageError(
            f"{quote(name)} is not a registry: name a host, such as us-docker.pkg.dev or localhost:5000"
        )
    if host in DOCKER_HUB:
        raise UsageError(f"{quote(name)} is Docker Hub, which takes no Google credential")
    return host


def parse_token_sources(value: str) -> tuple[str, ...]:
    """Parses a comma-separated list of token sources; paths become absolute. Raises UsageError."""
    try:
        names = parse_names(value.split(","), legacy={})
    except ConfigError as error:
        raise UsageError(str(error)) from error
    if not names:
        raise UsageError(f"--token-source names no token source: use {NAMES}")
    return tuple(make_absolute(name) for name in names)


def make_absolute(name: str) -> str:
    """Returns the name of a token source; the path of a file in it is absolute."""
    kind, colon, path = name.partition(":")
    if kind not in FILE_KINDS:
        return name
    return kind + colon + os.path.abspath(os.path.expanduser(path))


def select_hosts(options: Options) -> tuple[str, ...]:
    """Returns the hosts that the options name, or stand for. Raises UsageError."""
    if options.registries is not None and (options.is_all or options.has_artifact_registry):
        raise UsageError(
            "--registries cannot be combined with --all-registries or --include-artifact-registry: "
            "use one of them"
        )
    if options.registries is not None:
        return parse_hosts(options.registries)
    if options.is_all:
        return registry_hosts.ALL
    if options.has_artifact_registry:
        return registry_hosts.WITH_ARTIFACT_REGISTRY
    return () if options.is_store else registries.DEFAULT_HOSTS


def find_target(
    directory: str | None, authfile: str | None, environ: Mapping[str, str], platform: str
) -> str:
    """Returns the path of the file to configure: Docker's config.json, or an auth.json.

    Raises UsageError, and ConfigError when there is no home directory.
    """
    if directory and authfile:
        raise UsageError("--config and --authfile name two files: use one of them")
    if authfile:
        return os.path.abspath(os.path.expanduser(authfile))
    if directory:
        return os.path.join(os.path.abspath(os.path.expanduser(directory)), "config.json")
    return os.path.abspath(docker_config.get_path(environ, platform))


def _is_ipv6(address: str) -> bool:
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def _is_host(host: str) -> bool:
    """Returns whether a text is a host name or an address, with or without a port."""
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if colon and not (port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        return False
    name = name if colon else host
    if name.startswith("[") and name.endswith("]"):
        return _is_ipv6(name[1:-1])
    return endpoint.is_name(name) and "_" not in name
