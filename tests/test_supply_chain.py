"""Supply chain (T21): dependencies are locked and hashed, builds are reproducible and listed, and no program
is run by its bare name. How gcloud is found: tests/helper/token_sources/test_gcloud.py.

scripts/test names the distributions that it built in GCR_TEST_SDIST and GCR_TEST_WHEEL; without them
they are built here.
"""

import ast
import configparser
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.checkout import ROOT

from docker_credential_gcr import __version__

SCRIPTS = ROOT / "scripts"
LOCKS = ("dev", "helper", "nox", "run", "sbom", "test")
# What is installed next to `dev` where tests run on PostgreSQL and an object store.
IN_ADDITION = "test-scale"
NAME = f"docker_credential_gcr-{__version__}"
BILL = f"docker-credential-gcr-{__version__}.cdx.json"
LIMIT_S = 600


def read_lock(name: str) -> dict[str, list[str]]:
    """Returns the pins of a lock file by name; a package may have several, for different Pythons."""
    text = (SCRIPTS / f"requirements-{name}.txt").read_text(encoding="utf-8")
    pins: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line.startswith("#"):
            requirement = line.partition(" --hash")[0].strip()
            pins.setdefault(canonicalize_name(Requirement(requirement).name), []).append(line)
    return pins


def find_versions(pins: list[str]) -> set[str]:
    return {match[1] for line in pins if (match := re.match(r"\S+==(\S+)", line))}


@pytest.mark.parametrize("name", [*LOCKS, IN_ADDITION, "clients"])
def test_every_pin_is_one_version_with_its_hashes(name: str) -> None:
    pin = re.compile(r"[a-z0-9-]+==\S+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+")

    lines = [line for pins in read_lock(name).values() for line in pins]

    assert lines
    assert [line for line in lines if not pin.fullmatch(line)] == []


def test_every_package_from_npm_is_one_version_with_its_hash_and_from_no_named_index() -> None:
    folder = SCRIPTS / "clients"
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    root = packages.pop("")

    assert {name: root[name] for name in ("dependencies", "optionalDependencies")} == {
        name: wanted[name] for name in ("dependencies", "optionalDependencies")
    }, "run scripts/lock"
    assert packages
    assert [
        name
        for name, package in packages.items()
        if not package["version"] or not package["integrity"].startswith("sha512-") or "resolved" in package
    ] == []


@pytest.mark.parametrize("name", [*LOCKS, IN_ADDITION])
def test_a_lock_takes_the_versions_that_the_whole_suite_runs_with(name: str) -> None:
    everything = {**read_lock(IN_ADDITION), **read_lock("dev")}

    unknown = {
        n for n, pins in read_lock(name).items() if not find_versions(pins) <= find_versions(everything[n])
    }

    assert unknown == set()


def test_what_setup_cfg_asks_for_is_locked_as_it_allows() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    requirements = [Requirement(line) for text in wanted for line in text.splitlines() if line]
    locked = {**read_lock(IN_ADDITION), **read_lock("dev")}

    missing = [
        str(requirement)
        for requirement in requirements
        if not (versions := find_versions(locked.get(canonicalize_name(requirement.name), [])))
        or not all(requirement.specifier.contains(version) for version in versions)
    ]

    assert missing == [], "run scripts/lock"


def build(checkout: Path, directory: Path, *, umask: int = -1, **environ: str) -> Path:
    """Runs scripts/build of a checkout; returns the directory of its output."""
    done = subprocess.run(
        [sys.executable, checkout / "scripts" / "build", directory],
        env={**os.environ, **environ},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the same sources with other paths, times, modes, umask and time zone; returns the directory."""
    directory = tmp_path_factory.mktemp("release")
    leave = shutil.ignore_patterns(
        ".git", ".nox", ".*_cache", ".hypothesis", ".venv", "__pycache__", "*.egg-info"
    )
    checkout = shutil.copytree(ROOT, directory / "elsewhere", ignore=leave)
    for path in checkout.rglob("*"):
        os.utime(path, (1_500_000_000, 1_500_000_000))
        path.chmod(path.stat().st_mode & 0o700)
    return build(checkout, directory / "dist", umask=0o077, TZ="Pacific/Kiritimati")


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Returns the sdist and the wheel that were built before, or builds them."""
    built = [os.environ.get(name) for name in ("GCR_TEST_SDIST", "GCR_TEST_WHEEL")]
    if all(built):
        return [Path(path) for path in built if path]
    directory = build(ROOT, tmp_path_factory.mktemp("dist"))
    return [directory / f"{NAME}.tar.gz", directory / f"{NAME}-py3-none-any.whl"]


@pytest.mark.in_turn("a release")
def test_the_same_sources_give_the_same_bytes_anywhere(release: Path, distributions: list[Path]) -> None:
    assert {path.name: path.read_bytes() == (release / path.name).read_bytes() for path in distributions} == {
        f"{NAME}.tar.gz": True,
        f"{NAME}-py3-none-any.whl": True,
    }


@pytest.mark.in_turn("a release")
def test_a_release_is_four_files_with_their_checksums(release: Path) -> None:
    files = {f"{NAME}.tar.gz", f"{NAME}-py3-none-any.whl", BILL, "requirements.txt"}

    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=release, capture_output=True, text=True
    )

    assert set(os.listdir(release)) == {*files, "SHA256SUMS"}
    assert (checked.returncode, {line.partition(":")[0] for line in checked.stdout.splitlines()}) == (
        0,
        files,
    )


@pytest.mark.in_turn("a release")
def test_d01_a_release_installs_by_its_hashes_alone(release: Path, tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--find-links", release]

    subprocess.run([*install, "--requirement", release / "requirements.txt"], check=True, timeout=LIMIT_S)

    done = subprocess.run(
        [python.with_name("docker-credential-gcr"), "version"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.split()[-1]) == (0, __version__)


@pytest.mark.in_turn("a release")
def test_d01_the_requirements_of_a_release_hold_its_own_wheel_and_the_locked_versions(release: Path) -> None:
    wheel = hashlib.sha256((release / f"{NAME}-py3-none-any.whl").read_bytes()).hexdigest()
    own, *rest = (release / "requirements.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    locked = (SCRIPTS / "requirements-helper.txt").read_text(encoding="utf-8").splitlines(keepends=True)

    assert own == f"docker-credential-gcr=={__version__} --hash=sha256:{wheel}\n"
    assert rest == [line for line in locked if not line.startswith("#")]


@pytest.fixture(scope="module")
def bill(release: Path) -> Any:
    return json.loads((release / BILL).read_text(encoding="utf-8"))


@pytest.mark.in_turn("a release")
def test_the_bill_of_materials_lists_what_is_installed_and_nothing_else(bill: Any) -> None:
    root = bill["metadata"]["component"]
    locked = read_lock("run")

    listed = {canonicalize_name(item["name"]): item for item in bill["components"]}

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert (root["name"], root["version"]) == ("docker-credential-gcr", __version__)
    assert {
        name for name, item in listed.items() if item["version"] not in find_versions(locked[name])
    } == set()
    assert {name for name, lines in locked.items() if any(";" not in line for line in lines)} <= set(listed)
    assert [item["name"] for item in listed.values() if not item["purl"].startswith("pkg:pypi/")] == []


@pytest.mark.in_turn("a release")
def test_the_bill_of_materials_knows_what_depends_on_what(bill: Any) -> None:
    (needs,) = [item["dependsOn"] for item in bill["dependencies"] if item["ref"] == "root-component"]

    assert {need.partition("==")[0] for need in needs} >= {"click", "google-auth", "keyring", "requests"}


@pytest.mark.in_turn("a release")
def test_the_bill_of_materials_tells_nothing_of_where_and_when(bill: Any, release: Path) -> None:
    text = json.dumps(bill)

    assert "timestamp" not in bill["metadata"]
    assert "serialNumber" not in bill
    assert [
        path for path in ("file:", str(release.parent), "/tmp/", os.path.expanduser("~/")) if path in text
    ] == []


STARTERS = {
    *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")),
    *("asyncio.create_subprocess_exec", "os.execvp", "os.execvpe", "os.execlp", "os.spawnvp", "os.spawnlp"),
}
SHELLS = {
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    "asyncio.create_subprocess_shell",
}


def find_look_ups(source: str) -> list[int]:
    """Returns the lines that let a shell or PATH choose the program."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if ast.unparse(call.func) in SHELLS or is_look_up(call)]


def is_look_up(call: ast.Call) -> bool:
    if ast.unparse(call.func) not in STARTERS or not call.args:
        return False
    program = call.args[0]
    while isinstance(program, ast.List | ast.Tuple | ast.Starred):
        program = program.value if isinstance(program, ast.Starred) else program.elts[0]
    is_shell = any(keyword.arg == "shell" for keyword in call.keywords)
    return is_shell or (isinstance(program, ast.Constant) and not str(program.value).startswith("/"))


def test_t21_no_module_leaves_it_to_path_or_to_a_shell_what_is_run() -> None:
    modules = (ROOT / "docker_credential_gcr").rglob("*.py")

    found = {
        str(path): lines for path in modules if (lines := find_look_ups(path.read_text(encoding="utf-8")))
    }

    assert found == {}


def test_the_walk_sees_what_would_be_looked_up() -> None:
    planted = """import asyncio, os, subprocess, sys
subprocess.run(["gcloud", "version"])
subprocess.Popen("gcloud")
subprocess.run(command, shell=True)
os.system(command)
asyncio.create_subprocess_exec(*("gcloud", "version"))
subprocess.run([program, "version"])
subprocess.run(["/usr/bin/gcloud"])
asyncio.create_subprocess_exec(*(sys.executable, "-m", "module"))
"""

    assert find_look_ups(planted) == [2, 3, 4, 5, 6]
