"""Lint, formatting, types and the import table: one line each, and the findings of those that fail."""

import argparse
import subprocess
import sys
from pathlib import Path

from _environment import (
    CHECKOUT,
    Environment,
    Failed,
    isolated_environ,
    workplace,
)

# Scripts without a suffix, which the tools would not find.
PROGRAMS = ("try", "test", "test-clients", "check", "bench", "build", "lock", "ci")


def main(arguments: list[str]) -> int:
    """Run every check; 0 when all pass."""
    argparse.ArgumentParser(prog="scripts/check", description=__doc__).parse_args(arguments)
    try:
        with workplace() as work:
            return _check(work)
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1


def _check(work: Path) -> int:
    environment = Environment.find() or _make_environment(work)
    environ = isolated_environ(work / "home", environment.programs)
    cache = str(work / "cache")
    programs = [str(CHECKOUT / "scripts" / name) for name in PROGRAMS]
    scripts = sorted(map(str, (CHECKOUT / "scripts").glob("*.py")))
    pytest = ["pytest", "-q", "-p", "no:cacheprovider", "-c", "setup.cfg", "tests/test_imports.py"]
    steps = {
        "lint": ["ruff", "check", "--quiet", "--no-cache", ".", *programs],
        "format": ["ruff", "format", "--quiet", "--no-cache", "--check", ".", *programs],
        "types": ["mypy", "--cache-dir", cache],
        "types of scripts": ["mypy", "--cache-dir", cache, *scripts],
        "import table": ["python", "-B", "-m", *pytest],
    }
    failed = [name for name, command in steps.items() if not _passes(name, command, environ, environment)]
    return 1 if failed else 0


def _make_environment(work: Path) -> Environment:
    environment = Environment.create(work / "environment")
    environment.install_locked("dev")
    return environment


def _passes(name: str, command: list[str], environ: dict[str, str], environment: Environment) -> bool:
    done = subprocess.run(
        [environment.program(command[0]), *command[1:]],
        cwd=CHECKOUT, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(f"{name}: {'ok' if done.returncode == 0 else 'failed'}", flush=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0
