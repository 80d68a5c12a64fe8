"""The tests, run against the built wheel where the checkout cannot be imported."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _environment import (
    CHECKOUT,
    WHEEL_VARIABLE,
    Environment,
    Failed,
    build_distributions,
    find_lock,
    workplace,
)
from _interpreters import find_interpreters
from _test_runs import TestRun, find_path, run_side_by_side

# What must hold on every supported Python, with the helper's own dependencies alone.
HELPER_TESTS = (
    *("tests/helper", "tests/cli", "tests/test_hot_path.py"),
    *(f"tests/kubelet/test_{name}.py" for name in ("configuration", "messages", "pod_identity")),
)
# In two parts, so that no processor waits for the other. The real clients have a script of their own: they
# need root to be installed.
EMULATOR_TESTS = ("tests/emulator",)
OTHER_TESTS = ("tests", *(f"--ignore={CHECKOUT / 'tests' / part}" for part in ("clients", "emulator")))
SDIST_VARIABLE = "GCR_TEST_SDIST"


def main(arguments: list[str]) -> int:
    """Run the suite with pytest's arguments; 0 when all passed."""
    if {"-h", "--help"} & set(arguments):
        print("usage: scripts/test [PYTEST ARGUMENTS]; with a path among them, on this Python alone")
        return 0
    try:
        with workplace() as work:
            return _test(work, arguments)
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1


def _test(work: Path, arguments: Sequence[str]) -> int:
    print("scripts/test: build the sdist, and the wheel from it", flush=True)
    sdist, wheel = build_distributions(work)
    chosen = any(find_path(argument) != argument for argument in arguments)
    others = {} if chosen else find_interpreters()
    found = {version: python for version, python in others.items() if python}
    versions = ", ".join([_running(), *found])
    print(f"scripts/test: install the wheel for Python {versions}", flush=True)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        full = pool.submit(prepare_full, work, wheel)
        rest = {
            version: pool.submit(_prepare_helper, work, wheel, python) for version, python in found.items()
        }
    handed = {WHEEL_VARIABLE: str(wheel), SDIST_VARIABLE: str(sdist), **offline(work)}
    parts = (
        {_running(): ()}
        if chosen
        else {_running(): OTHER_TESTS, f"{_running()}, the emulator": EMULATOR_TESTS}
    )
    runs = {name: TestRun(full.result(), handed, [*part, *arguments]) for name, part in parts.items()}
    for version, environment in rest.items():
        runs[version] = TestRun(environment.result(), {}, [*HELPER_TESTS, *arguments])
    print(f"scripts/test: run all tests on Python {_running()}", flush=True)
    if found:
        print(f"scripts/test: beside them the helper's on Python {', '.join(found)}", flush=True)
    failed = run_side_by_side(work, runs)
    _report(failed, [version for version, python in others.items() if not python])
    return 1 if failed else 0


def _report(failed: list[str], missing: list[str]) -> None:
    if missing:
        print(f"scripts/test: not found on this machine: Python {', '.join(missing)}")
    print(f"scripts/test: {'failed on Python ' + ', '.join(failed) if failed else 'passed'}", flush=True)


def prepare_full(work: Path, wheel: Path) -> Environment:
    """Everything, and beside it what the tests install, so that they need no network."""
    environment = Environment(work / "full")
    locked = ("--require-hashes", "--requirement", str(find_lock("dev")))
    environment.pip("download", "--dest", str(_downloads(work)), *locked)
    environment.pip("install", "--no-index", "--find-links", str(_downloads(work)), *locked)
    return _install_wheel(environment, wheel)


def _prepare_helper(work: Path, wheel: Path, python: str) -> Environment:
    environment = Environment(work / Path(python).name, python)
    environment.install_locked("test")
    return _install_wheel(environment, wheel)


def _install_wheel(environment: Environment, wheel: Path) -> Environment:
    environment.pip("install", "--no-index", "--no-deps", str(wheel))
    environment.pip("check")
    return environment


def offline(work: Path) -> dict[str, str]:
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(_downloads(work)),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def _downloads(work: Path) -> Path:
    return work / "downloads"


def _running() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
