"""Declares what setup.cfg cannot: a program that depends on the platform, and how a checkout is built."""

import sys
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.sdist import sdist

PROGRAMS = [
    "gcr-credential-provider = docker_credential_gcr.kubelet.program:main",
    "gcr-emulator = docker_credential_gcr.emulator.cli.main:main",
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

# What an sdist holds besides the package: all that a checkout has.
SOURCES = ("tests", "scripts", "docs", "examples", ".ci")
FILES = ("*.md", "ruff.toml", "pyproject.toml")
LEFT_OUT = {"__pycache__"}


class SourceDistribution(sdist):
    """An sdist that can be tested: with tests, scripts, docs and examples."""

    def make_release_tree(self, base_dir, files):
        """Adds them to the files that setuptools has found."""
        found = [path for folder in SOURCES for path in Path(folder).rglob("*")]
        found += [path for pattern in FILES for path in Path().glob(pattern)]
        kept = {str(path) for path in found if path.is_file() and not LEFT_OUT & set(path.parts)}
        super().make_release_tree(base_dir, sorted({*files, *kept}))


# Elsewhere than in the checkout: setuptools installs what it finds in its build directory, also the modules
# of an earlier build that have been removed since.
with tempfile.TemporaryDirectory(prefix="gcr-build-") as directory:
    setup(
        scripts=SCRIPTS,
        entry_points={"console_scripts": PROGRAMS, **PLUGINS},
        cmdclass={"sdist": SourceDistribution},
        options={"build": {"build_base": directory}},
    )
