"""Runs a command next to an emulator in namespaces that hold nothing else: Google's names lead to it."""

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

from docker_credential_gcr.emulator.ca_variables import CA_VARIABLES
from docker_credential_gcr.emulator.runtime.files import find_status
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.sites.hosts import (
    METADATA_ADDRESS,
    METADATA_HOST,
    format_hosts,
    list_served_names,
)
from docker_credential_gcr.emulator.sites.locations import LOCATIONS

from . import namespaces
from .credentials import make_credentials
from .processes import CannotRun, Guard, ServerEnded

__all__ = ["CannotRun", "ServerEnded", "make_environment", "run_privately"]

# What would lead them elsewhere: to another emulator, a proxy, an engine that is not in the namespace.
_ASTRAY = (
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
_ASTRAY_BEGINNINGS = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_",)

# A socket in the file system is reached from any network namespace, and what listens there is in another.
_ENGINES = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "{XDG_RUNTIME_DIR}/docker.sock",
    "{XDG_RUNTIME_DIR}/podman/podman.sock",
)
# Names come from the hosts file and from nowhere else. nsswitch.conf(5)
_NAME_SERVICES = Path("/etc/nsswitch.conf")
_HOSTS = Path("/etc/hosts")


def run_privately(settings: Settings, command: Sequence[str], *, keeps_credentials: bool = False) -> int:
    """Returns the command's exit status; 1 when the emulator does not start, which stderr explains.

    The command has credentials of its own unless it keeps the user's. Raises NoNamespaces, CannotRun,
    ServerEnded. Afterwards this process has no network.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(_temporary_directory()))
        _enter(settings.host, os.environ, directory)
        variables = {} if keeps_credentials else make_credentials(directory, os.environ)
        # The last to be entered: its processes have ended before the directory goes.
        guard = stack.enter_context(Guard())
        started = _start_server(settings, guard, directory)
        if started is None:
            return 1
        server, ready = started
        return guard.run(command, make_environment({**os.environ, **variables}, ready["ca"]), server)


def _start_server(settings: Settings, guard: Guard, owned: Path) -> tuple[int, dict[str, Any]] | None:
    """Starts a server in a child process, which has this process's namespaces and rights.

    Returns its PID and its ready document, or None when it failed, which stderr explains.
    The server removes the directory `owned` when it ends, also where this process was killed.

    It is forked, not executed: exec would take the right to the ports below 1024 from a user who is not root.
    """
    reading, writing = os.pipe()
    pid = guard.fork(lambda: _serve(settings, guard, writing, owned), signal.SIGTERM)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as said:
        line = said.readline()
    return (pid, json.loads(line)) if line else None


def _serve(settings: Settings, guard: Guard, ready: int, owned: Path) -> int:
    try:
        # A ^C in the terminal is for the command.
        os.setsid()
        guard.unblock()
        # stdin and stdout are the command's; the ready document goes into the pipe.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(ready, 1)
        os.close(ready)
        from docker_credential_gcr.emulator.server.lifecycle import serve  # 150 ms, in the child alone

        return serve(settings)
    finally:
        shutil.rmtree(owned, ignore_errors=True)


def make_environment(environ: Mapping[str, str], ca: str) -> dict[str, str]:
    """The environment of a command that is to find the emulator at Google's names, and nothing else."""
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() not in _ASTRAY and not name.startswith(_ASTRAY_BEGINNINGS)
    }
    return kept | {
        **dict.fromkeys(CA_VARIABLES, ca),
        # The administrative APIs take who comes by this name for the operator.
        "GCR_EMULATOR_URL": "https://localhost",
        "GCR_EMULATOR_REGISTRY": "gcr.io",
        "GCE_METADATA_HOST": METADATA_HOST,
        "GCE_METADATA_IP": METADATA_ADDRESS,
        "GCE_METADATA_ROOT": METADATA_HOST,
    }


def _temporary_directory() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="gcr-emulator-", ignore_cleanup_errors=True)


def _enter(address: str, environ: Mapping[str, str], directory: Path) -> None:
    """Moves this process where only loopback is, and Google's names lead there. Raises NoNamespaces.

    The files of the directory are the namespace's own.
    """
    namespaces.enter()
    namespaces.bring_up_loopback(METADATA_ADDRESS)
    namespaces.cover(_HOSTS, directory / _HOSTS.name, _format_hosts(address))
    services = load_name_services(_NAME_SERVICES)
    if services is not None:
        namespaces.cover(_NAME_SERVICES, directory / _NAME_SERVICES.name, services)
    for engine in find_engines(environ):
        namespaces.hide(engine)


def find_engines(environ: Mapping[str, str]) -> list[Path]:
    """The sockets of the machine's engines that this user can reach: the command reaches no others."""
    runtime = environ.get("XDG_RUNTIME_DIR", "/run")
    paths = [Path(template.format(XDG_RUNTIME_DIR=runtime)) for template in _ENGINES]
    return [path for path in paths if _is_reachable_socket(path)]


def _is_reachable_socket(path: Path) -> bool:
    try:
        status = find_status(path)
    except OSError:
        return False
    return status is not None and stat.S_ISSOCK(status.st_mode)


def _format_hosts(address: str) -> str:
    served = list_served_names(LOCATIONS)
    # gcloud speaks plain HTTP to gcr.io.localhost, as to all that is below localhost.
    below = [f"{name}.localhost" for name in served]
    names = ["localhost", socket.gethostname(), *served, *below]
    return format_hosts(dict.fromkeys(names, address) | {METADATA_HOST: METADATA_ADDRESS})


def load_name_services(path: Path) -> str | None:
    """The name services of the file, with `files` as the only one for hosts; None without the file."""
    try:
        text = path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except PermissionError:
        # The command cannot read it either, and would ask DNS, as without a line for hosts.
        text = ""
    lines = [line for line in text.splitlines() if not line.strip().startswith("hosts:")]
    return "\n".join([*lines, "hosts: files", ""])
