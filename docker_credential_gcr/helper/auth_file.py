"""Auth files: short-lived credentials for clients that read a file and run no credential helper.

docker, containers  {"auths": {"gcr.io": {"auth": "b2F1dGgyYWNjZXNzdG9rZW46eWEyOS4u"}}}
kubernetes          {"kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "data": {…}}
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets
"""

import base64
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_gcr import files
from docker_credential_gcr.errors import ConfigError, Error
from docker_credential_gcr.helper.tokens import AccessToken

from . import lookup, paths, registries
from .config import load_config
from .configure import config_edit, docker_config, docker_types
from .keychain import USERNAME

DOCKER, CONTAINERS, KUBERNETES = FORMATS = ("docker", "containers", "kubernetes")
TYPES = {DOCKER: docker_types.DOCKER, CONTAINERS: docker_types.CONTAINERS}
STDOUT = "-"
RETRY_S = 30  # after a failed renewal
MIN_PAUSE_S = 5  # a source may have only a token that is already due
MAX_PAUSE_S = 60  # a suspended machine does not count the time in `sleep`

Tokens = Mapping[str, AccessToken]


@dataclass(frozen=True)
class Secret:
    """Name of a Kubernetes secret, with its namespace if one is given."""

    name: str
    namespace: str | None = None


def find_hosts(environ: Mapping[str, str], platform: str = sys.platform) -> tuple[str, ...]:
    """Returns the registries that docker or the helper is configured for, else the default ones.

    Raises ConfigError.
    """
    asked = (host for host in docker_config.load(environ).hosts if registries.find_host(host) == host)
    configured = load_config(environ, platform).registries
    return tuple(dict.fromkeys((*asked, *configured))) or registries.DEFAULT_HOSTS


def find_path(format_: str, environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Returns the path that the clients of a format read; STDOUT without such a path. Raises ConfigError."""
    if format_ == DOCKER:
        return docker_config.get_path(environ, platform)
    if format_ == KUBERNETES:
        return STDOUT
    named = paths.find_variable(environ, "REGISTRY_AUTH_FILE")
    if named:
        return named
    runtime = paths.find_variable(environ, "XDG_RUNTIME_DIR")
    if runtime:
        return os.path.join(runtime, "containers", "auth.json")
    home = paths.find_home(environ, platform)
    if home is None:
        raise ConfigError("no home directory to write to", hint="name a file with --output")
    directory = paths.find_variable(environ, "XDG_CONFIG_HOME") or os.path.join(home, ".config")
    return os.path.join(directory, "containers", "auth.json")


def get_tokens(
    hosts: tuple[str, ...], environ: Mapping[str, str], now: Callable[[], float] = time.time
) -> dict[str, AccessToken]:
    """Returns a token for each host. Raises LoginRequired, TokenError, UsageError, ConfigError."""
    return {host: lookup.get_token(host, environ=environ, now=now) for host in hosts}


def find_due(tokens: Tokens, min_ttl_s: float) -> float:
    """Returns when the first of the tokens is to be renewed, in seconds since the epoch."""
    return min(
        token.expires_at - min(min_ttl_s, (token.expires_at - token.obtained_at) / 2)
        for token in tokens.values()
    )


def write(format_: str, path: str, tokens: Tokens, secret: Secret) -> None:
    """Writes the tokens into a file that only its owner reads. Raises ConfigError.

    The other members of a file of docker or containers do not change.
    """
    if format_ == KUBERNETES:
        _replace(path, format_document(format_, tokens, secret))
        return

    def change(text: str) -> str:
        docker_types.check(text, path, TYPES[format_])
        keys = docker_config.make_login_keys(text, tokens)
        return config_edit.set_members(
            text, path, {key: _format_entry(tokens[host]) for host, key in keys.items()}
        )

    config_edit.apply(config_edit.Edit(path, change, is_private=True))


def format_document(format_: str, tokens: Tokens, secret: Secret) -> str:
    """Returns the text of a file that holds the tokens alone."""
    auths = {docker_config.LOGINS_MEMBER: {host: _format_entry(token) for host, token in tokens.items()}}
    if format_ != KUBERNETES:
        return json.dumps(auths, indent=2) + "\n"
    metadata = {"name": secret.name, **({"namespace": secret.namespace} if secret.namespace else {})}
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": _encode(json.dumps(auths, separators=(",", ":")))},
    }
    return json.dumps(document, indent=2) + "\n"


def watch(
    renew: Callable[[], float],
    *,
    tell: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> None:
    """Renews the tokens in an endless loop; `renew` returns the instant of its next call.

    Only a failure of the first call is raised. A later one is reported and tried again: the network may come
    back before the tokens expire.
    """
    due_at = renew()
    while True:
        wait(min(MAX_PAUSE_S, max(MIN_PAUSE_S, due_at - now())))
        if now() < due_at:
            continue
        try:
            due_at = renew()
        except Error as error:
            tell(f"not renewed, next attempt in {RETRY_S} s: {error}")
            due_at = now() + RETRY_S


def _format_entry(token: AccessToken) -> dict[str, str]:
    return {"auth": _encode(f"{USERNAME}:{token.value}")}


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _replace(path: str, text: str) -> None:
    try:
        files.write_file(files.resolve(path), text.encode())
    except OSError as error:
        raise ConfigError(*files.explain_write(path, error)) from error
