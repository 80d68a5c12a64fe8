"""The lock files: which versions the scripts install, and the hash of every archive of them.

    scripts/requirements-build.txt   makes sdist and wheel
    scripts/requirements-sbom.txt    says what is in them
    scripts/requirements-run.txt     the helper and the emulator
    scripts/requirements-test.txt    the helper with its tests
    scripts/requirements-dev.txt     everything, for the checks and the whole suite

Each is for every supported Python and platform, and names no index: pip takes the user's.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from _environment import (
    CHECKOUT,
    OLDEST_PYTHON,
    Environment,
    Failed,
    extra,
    extras,
    find_lock,
    requirements,
    run,
    workplace,
)


def _tools(*names: str) -> list[str]:
    return [line for line in extra("dev") if line.startswith(names)]


def _everything() -> list[str]:
    return [*requirements(), *(line for name in extras() for line in extra(name))]


# What each is resolved from; the first decides on the versions for the others.
LOCKS: dict[str, Callable[[], list[str]]] = {
    "dev": _everything,
    "build": lambda: _tools("build", "setuptools"),
    "sbom": lambda: _tools("cyclonedx-bom"),
    "run": lambda: [*requirements(), *extra("emulator")],
    "test": lambda: [*requirements(), *extra("test")],
}


def main(arguments: list[str]) -> int:
    """Write the lock files anew; what setup.cfg still allows keeps its version."""
    parser = argparse.ArgumentParser(prog="scripts/lock", description="Lock what the scripts install.")
    parser.add_argument(
        "--upgrade", action="store_true", help="take the newest versions that setup.cfg allows"
    )
    options = parser.parse_args(arguments)
    try:
        with workplace() as work:
            _lock(work, ["--upgrade"] if options.upgrade else [])
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 0


def _lock(work: Path, options: list[str]) -> None:
    environment = Environment.create(work / "environment")
    environment.install(*_tools("uv"))
    for name, list_requirements in LOCKS.items():
        source = work / f"{name}.in"
        source.write_text("\n".join(list_requirements()) + "\n", encoding="utf-8")
        command = [environment.program("uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        command += [
            "--python-version",
            OLDEST_PYTHON,
            "--no-annotate",
            "--custom-compile-command",
            "scripts/lock",
        ]
        if name != "dev":
            command += ["--constraint", str(find_lock("dev"))]
        run([*command, *options, "--output-file", str(find_lock(name)), str(source)], cwd=CHECKOUT)
        print(f"scripts/lock: {find_lock(name).relative_to(CHECKOUT)}", flush=True)
