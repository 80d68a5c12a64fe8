"""Debian's packages of the clients and of PostgreSQL: what is missing, and how it is installed."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from _environment import Failed, run
from _start import say

# program: its package
PACKAGES = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "containerd": "containerd",
    "ctr": "containerd",
    "podman": "podman",
    "skopeo": "skopeo",
    "buildah": "buildah",
    "docker-registry": "docker-registry",
    "htpasswd": "apache2-utils",
    "dbus-run-session": "dbus",
    "gnome-keyring-daemon": "gnome-keyring",
    "curl": "curl",
    "wget": "wget",
    "certutil": "libnss3-tools",
    "tstclnt": "libnss3-tools",
    "groff": "groff",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "node": "nodejs",
    "npm": "npm",
    "ruby": "ruby-googleauth",
}
# podman and buildah of Debian 12 and later only suggest it, but build nothing without it. Ubuntu 22.04 has no
# such package, and its podman needs none.
_NETWORK = "netavark"
# Ubuntu has it only as a snap.
_BROWSER = {"chromium", "chromium-driver"}
_NETWORK_PROGRAM = Path("/usr/lib/podman", _NETWORK)
# A library, which an installed Ruby may lack.
_RUBY_LIBRARY = Path("/usr/lib/ruby/vendor_ruby/googleauth.rb")
# Debian keeps these programs out of PATH, in a directory for each version.
_POSTGRESQL = Path("/usr/lib/postgresql")
# This file tells Debian's maintainer scripts to start no service.
_POLICY = Path("/usr/sbin/policy-rc.d")
_NO_SERVICES = "#!/bin/sh\nexit 101\n"
_QUIET = ("--quiet", "--quiet", "-o", "Dpkg::Use-Pty=0")


def provide_packages(*finders: Callable[[], set[str]]) -> None:
    """Installs what the functions find missing, or names it if it cannot; in CI that is a failure."""
    try:
        missing = _find_all(finders)
        if missing and can_install():
            say(f"install {' '.join(missing)}")
            install(missing)
            missing = _find_all(finders)
    except Failed as failure:
        sys.exit(f"failed: {failure}")
    if not missing:
        return
    reason = f"not installed: {' '.join(missing)}; {install_command(*missing)}"
    if os.environ.get("CI") == "true":
        sys.exit(f"failed: {reason}")
    say(f"{reason}; their tests are skipped")


def _find_all(finders: Iterable[Callable[[], set[str]]]) -> list[str]:
    return sorted(set().union(*(find() for find in finders)))


def find_missing_postgresql() -> set[str]:
    """Returns the package of PostgreSQL's server if it is missing."""
    return set() if any(_POSTGRESQL.glob("*/bin/postgres")) else {_POSTGRESQL.name}


def find_missing_clients() -> set[str]:
    """Returns the packages whose program or library is missing."""
    missing = {package for program, package in PACKAGES.items() if shutil.which(program) is None}
    missing -= {package for package in _BROWSER & missing if not _has_package(package)}
    if shutil.which("podman") and not _NETWORK_PROGRAM.exists() and _has_package(_NETWORK):
        missing.add(_NETWORK)
    if not _RUBY_LIBRARY.exists():
        missing.add(PACKAGES["ruby"])
    return missing


def install_command(*programs: str) -> str:
    """Returns the command that installs the programs, or packages of these names."""
    return " ".join(["apt-get install", *(PACKAGES.get(name, name) for name in programs)])


def can_install() -> bool:
    """Returns whether this process is root on a system with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """Installs the packages, and starts none of their services. Raises Failed with apt-get's output."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        run(["apt-get", *_QUIET, "update"], environ=environ)
        network = {_NETWORK} if _has_package(_NETWORK) else set()
        options = ("--yes", "--no-install-recommends")
        run(["apt-get", *_QUIET, "install", *options, *sorted({*packages, *network})], environ=environ)


def _has_package(name: str) -> bool:
    return can_install() and bool(run(["apt-cache", "search", "--names-only", f"^{name}$"]))


@contextmanager
def _no_services() -> Iterator[None]:
    if _POLICY.exists():  # the machine has its own policy
        yield
        return
    _POLICY.write_text(_NO_SERVICES)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
