"""The tests, run against the built wheel where the checkout cannot be imported."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

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
from _test_runs import Run, find_path, pytest_run, run_side_by_side

Pythons = Literal["none", "ends", "all"]

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

USAGE = """usage: scripts/test [--all-pythons] [PYTEST ARGUMENTS]

Of the other Pythons the oldest and the newest are taken, with --all-pythons each that is found;
with a path among pytest's arguments, none.
"""


def main(arguments: list[str]) -> int:
    """Run the suite with pytest's arguments; 0 when all passed."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE, end="")
        return 0
    rest = [argument for argument in arguments if argument != "--all-pythons"]
    chosen = any(find_path(argument) != argument for argument in rest)
    pythons: Pythons = "none" if chosen else "ends" if rest == arguments else "all"
    try:
        with workplace() as work, Suite(work, rest, pythons=pythons) as suite:
            runs = suite.list_chosen_runs() if chosen else suite.list_full_runs()
            failed = run_side_by_side(work, {**runs, **suite.list_helper_runs()})
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return suite.report(failed)


class Suite:
    """The wheel, the environments it is installed in, and the runs of pytest in them.

    The environments are made while the first runs go on. Of the other Pythons `ends` takes the oldest
    and the newest that are found: what passes there and on this one has not failed between them yet.
    """

    def __init__(self, work: Path, arguments: Sequence[str] = (), *, pythons: Pythons = "ends") -> None:
        self._arguments = arguments
        others = {} if pythons == "none" else find_interpreters()
        found = {version: python for version, python in others.items() if python}
        self._missing = [version for version, python in others.items() if not python]
        versions = list(found)
        if pythons == "ends":
            versions = list(dict.fromkeys([*versions[:1], *versions[-1:]]))
        say("build the sdist, and the wheel from it")
        sdist, wheel = build_distributions(work)
        self._handed = {WHEEL_VARIABLE: str(wheel), SDIST_VARIABLE: str(sdist), **offline(work)}
        say(f"run on Python {', '.join([_running(), *versions])}")
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count())
        self.full = self._pool.submit(prepare_full, work, wheel)
        self._helpers = {
            version: self._pool.submit(_prepare_helper, work, wheel, found[version]) for version in versions
        }

    def __enter__(self) -> "Suite":
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run_full(self, tests: Sequence[str]) -> Run:
        """These tests, where everything is installed."""
        return pytest_run(self.full, self._handed, [*tests, *self._arguments])

    def list_chosen_runs(self) -> dict[str, Run]:
        """What the arguments name."""
        return {f"Python {_running()}": self.run_full(())}

    def list_full_runs(self) -> dict[str, Run]:
        """All tests but those of the real clients."""
        return {
            f"Python {_running()}": self.run_full(OTHER_TESTS),
            f"Python {_running()}, the emulator": self.run_full(EMULATOR_TESTS),
        }

    def list_helper_runs(self) -> dict[str, Run]:
        """The helper's tests on the other Pythons."""
        return {
            f"Python {version}": pytest_run(environment, {}, [*HELPER_TESTS, *self._arguments])
            for version, environment in self._helpers.items()
        }

    def report(self, failed: Sequence[str]) -> int:
        """Say how it ended; the exit status."""
        if self._missing:
            say(f"not found on this machine: Python {', '.join(self._missing)}")
        say(f"failed: {', '.join(failed)}" if failed else "passed")
        return 1 if failed else 0


def prepare_full(work: Path, wheel: Path) -> Environment:
    """Everything, and beside it what the tests install, so that they need no network."""
    environment = Environment.create(work / "full")
    locked = ("--require-hashes", "--requirement", str(find_lock("dev")))
    environment.pip("download", "--dest", str(_downloads(work)), *locked)
    environment.pip("install", "--no-index", "--find-links", str(_downloads(work)), *locked)
    return _install_wheel(environment, wheel)


def _prepare_helper(work: Path, wheel: Path, python: str) -> Environment:
    environment = Environment.create(work / Path(python).name, python)
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


def say(text: str) -> None:
    """A line of the script that runs."""
    print(f"scripts/{Path(sys.argv[0]).name}: {text}", flush=True)
