"""`gcr-emulator run`: a command and an emulator in namespaces where Google's hosts are that emulator."""

import json
import os
import shutil
import signal
import socket
import stat
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docker_credential_gcr.emulator.client.environment import CA_VARIABLES
from docker_credential_gcr.emulator.runtime.files import find_status
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.sites.hosts import (
    METADATA_ADDRESS,
    METADATA_HOST,
)
from docker_credential_gcr.emulator.sites.locations import LOCATIONS
from docker_credential_gcr.emulator.sites.served_names import format_hosts, list_served_names

from . import namespaces
from .credentials import create_client_configuration
from .processes import CannotRun, ChildProcesses, ServerEnded

__all__ = ["CannotRun", "ServerEnded", "build_environment", "run_in_namespaces"]

# Variables that would lead clients to another emulator, a proxy, or an engine outside the namespace.
_REMOVED = (
    "ALL_PROXY",
    "CLOUDSDK_AUTH_TOKEN_HOST",
    "CLOUDSDK_PROXY_ADDRESS",
    "CLOUDSDK_PROXY_PORT",
    "CLOUDSDK_PROXY_TYPE",
    "CONTAINER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "GCR_EMULATOR_DATA",
    "GCR_EMULATOR_READY_FILE",
    "GCR_EMULATOR_TOKEN",
    "GCR_EMULATOR_TOKEN_FILE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "METADATA_SERVER_DETECTION",
    "NO_GCE_CHECK",
    "NO_PROXY",
    "STORAGE_EMULATOR_HOST",
)
_REMOVED_PREFIXES = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_",)

# A Unix socket is reachable from any network namespace, and these engines are in another one.
_ENGINE_SOCKETS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "{XDG_RUNTIME_DIR}/docker.sock",
    "{XDG_RUNTIME_DIR}/podman/podman.sock",
)
# Host names are resolved by the hosts file only. nsswitch.conf(5)
_NAME_SERVICES = Path("/etc/nsswitch.conf")
_HOSTS = Path("/etc/hosts")


def run_in_namespaces(
    settings: Settings, command: Sequence[str], *, keeps_configuration: bool = False
) -> int:
    """Runs the command; returns its exit status, or 1 if the emulator does not start, which stderr explains.

    The command gets an empty client configuration unless it keeps the user's. Raises NoNamespaces, CannotRun,
    ServerEnded. This process has no network afterwards.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(_temporary_directory()))
        _enter(settings.host, os.environ, directory)
        variables = {} if keeps_configuration else create_client_configuration(directory, os.environ)
        # Entered last: its processes have ended before the directory is deleted.
        children = stack.enter_context(ChildProcesses())
        started = _start_server(settings, children, directory)
        if started is None:
            return 1
        server, ready = started
        return children.run(command, build_environment({**os.environ, **variables}, ready["ca"]), server)


def _start_server(
    settings: Settings, children: ChildProcesses, owned: Path
) -> tuple[int, dict[str, Any]] | None:
    """Starts a server in a child process, in this process's namespaces and with its capabilities.

    Returns its PID and its ready document, or None if it failed, which stderr explains. The server removes
    the directory `owned` when it ends, also if this process was killed.

    There is no exec: it would drop the capability to bind ports below 1024 of a user who is not root.
    """
    reading, writing = os.pipe()
    pid = children.fork(lambda: _serve(settings, children, writing, owned), signal.SIGTERM)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as ready:
        line = ready.readline()
    return (pid, json.loads(line)) if line else None


def _serve(settings: Settings, children: ChildProcesses, ready: int, owned: Path) -> int:
    try:
        # A new session: ^C in the terminal is for the command.
        os.setsid()
        children.unblock()
        # stdin and stdout are the command's; the ready document goes into the pipe.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(ready, 1)
        os.close(ready)
        from docker_credential_gcr.emulator.server.lifecycle import serve  # 150 ms, in the child only

        return serve(settings)
    finally:
        shutil.rmtree(owned, ignore_errors=True)


def build_environment(environ: Mapping[str, str], ca: str) -> dict[str, str]:
    """Returns the environment in which a command finds the emulator at Google's hosts."""
    inherited = {
        name: value
        for name, value in environ.items()
        if name.upper() not in _REMOVED and not name.startswith(_REMOVED_PREFIXES)
    }
    return inherited | {
        **dict.fromkeys(CA_VARIABLES, ca),
        # With this host the caller of the administrative APIs is the operator.
        "GCR_EMULATOR_URL": "https://localhost",
        "GCR_EMULATOR_REGISTRY": "gcr.io",
        "GCE_METADATA_HOST": METADATA_HOST,
        "GCE_METADATA_IP": METADATA_ADDRESS,
        "GCE_METADATA_ROOT": METADATA_HOST,
    }


def _temporary_directory() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="gcr-emulator-", ignore_cleanup_errors=True)


def _enter(address: str, environ: Mapping[str, str], directory: Path) -> None:
    """Moves this process into namespaces with loopback only, where Google's hosts have `address`.

    Writes the files that the namespace sees in /etc to the directory. Raises NoNamespaces.
    """
    namespaces.enter()
    namespaces.bring_up_loopback(METADATA_ADDRESS)
    namespaces.cover(_HOSTS, directory / _HOSTS.name, _format_hosts(address))
    services = load_name_services(_NAME_SERVICES)
    if services is not None:
        namespaces.cover(_NAME_SERVICES, directory / _NAME_SERVICES.name, services)
    for engine in find_engine_sockets(environ):
        namespaces.hide(engine)


def find_engine_sockets(environ: Mapping[str, str]) -> list[Path]:
    """Returns the sockets of container engines that this user, and so the command, can reach."""
    runtime = environ.get("XDG_RUNTIME_DIR", "/run")
    paths = [Path(template.format(XDG_RUNTIME_DIR=runtime)) for template in _ENGINE_SOCKETS]
    return [path for path in paths if _is_reachable_socket(path)]


def _is_reachable_socket(path: Path) -> bool:
    try:
        status = find_status(path)
    except OSError:
        return False
    return status is not None and stat.S_ISSOCK(status.st_mode)


def _format_hosts(address: str) -> str:
    served = list_served_names(LOCATIONS)
    # gcloud speaks plain HTTP to names below localhost, such as gcr.io.localhost.
    below = [f"{name}.localhost" for name in served]
    names = ["localhost", socket.gethostname(), *served, *below]
    return format_hosts(dict.fromkeys(names, address) | {METADATA_HOST: METADATA_ADDRESS})


def load_name_services(path: Path) -> str | None:
    """Returns the text of nsswitch.conf with `hosts: files`; None if there is no such file."""
    try:
        text = path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except PermissionError:
        # The command cannot read it either: without a line for hosts it would ask DNS.
        text = ""
    lines = [line for line in text.splitlines() if not line.strip().startswith("hosts:")]
    return "\n".join([*lines, "hosts: files", ""])
