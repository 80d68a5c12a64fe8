"""Declares the programs, of which one depends on the platform; everything else is in setup.cfg."""

import sys

from setuptools import setup

PROGRAMS = [
    "gcr-credential-provider = docker_credential_gcr.kubelet.program:main",
    "gcr-emulator = docker_credential_gcr.emulator.cli:main",
]
PLUGINS = {
    "keyring.backends": ["gcr = docker_credential_gcr.keyring_backend"],
    "pytest11": ["gcr_emulator = docker_credential_gcr.pytest_plugin"],
}

# A raw script starts in the time that Python takes; the launcher which pip writes for an
# entry point costs up to five times that. Windows cannot execute a script without an .exe.
if sys.platform == "win32":
    SCRIPTS = []
    PROGRAMS.append("docker-credential-gcr = docker_credential_gcr.__main__:main")
else:
    SCRIPTS = ["scripts/docker-credential-gcr"]

setup(scripts=SCRIPTS, entry_points={"console_scripts": PROGRAMS, **PLUGINS})
