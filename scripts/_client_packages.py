"""Debian's packages of the clients: what is missing, and how it is installed."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _environment import Failed, run
from _start import say

# program: the package that brings it
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
# Without it podman and buildah of Debian 12 and later build nothing, and both only suggest it; Ubuntu 22.04
# has no such package, and podman there needs none.
_NETWORK = "netavark"
# Ubuntu has it as a snap alone.
_BROWSER = {"chromium", "chromium-driver"}
_NETWORK_PROGRAM = Path("/usr/lib/podman", _NETWORK)
# A library, which Ruby may be there without.
_RUBY_LIBRARY = Path("/usr/lib/ruby/vendor_ruby/googleauth.rb")
# What says to Debian's maintainer scripts that no service may be started.
_POLICY = Path("/usr/sbin/policy-rc.d")
_NO_SERVICES = "#!/bin/sh\nexit 101\n"
_QUIET = ("--quiet", "--quiet", "-o", "Dpkg::Use-Pty=0")


def provide_clients() -> None:
    """Installs what is missing; where that cannot be, names it, which in CI is a failure."""
    try:
        missing = find_missing()
        if missing and can_install():
            say(f"install {' '.join(missing)}")
            install(missing)
            missing = find_missing()
    except Failed as failure:
        sys.exit(f"failed: {failure}")
    if not missing:
        return
    reason = f"not installed: {' '.join(missing)}; {install_command(*missing)}"
    if os.environ.get("CI") == "true":
        sys.exit(f"failed: {reason}")
    say(f"{reason}; their tests are skipped")


def find_missing() -> list[str]:
    """The packages of which a program, or the library, is not there."""
    missing = {package for program, package in PACKAGES.items() if shutil.which(program) is None}
    missing -= {package for package in _BROWSER & missing if not _has_package(package)}
    if shutil.which("podman") and not _NETWORK_PROGRAM.exists() and _has_package(_NETWORK):
        missing.add(_NETWORK)
    if not _RUBY_LIBRARY.exists():
        missing.add(PACKAGES["ruby"])
    return sorted(missing)


def install_command(*programs: str) -> str:
    """What a person types to get the programs, or the packages, if these are named."""
    return " ".join(["apt-get install", *(PACKAGES.get(name, name) for name in programs)])


def can_install() -> bool:
    """Whether we may: root, on a system with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """Install them, and start none of their services. Raises Failed with what apt-get said."""
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
    if _POLICY.exists():  # the machine's own policy, which is left alone
        yield
        return
    _POLICY.write_text(_NO_SERVICES)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
