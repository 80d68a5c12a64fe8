"""The other Pythons of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MINORS = (10, 11, 12, 13, 14)

_PROBE = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
_PROBE_S = 20


def find_interpreters() -> dict[str, str | None]:
    """Each supported minor but the running one: its program, or None where there is none that works."""
    others = [minor for minor in MINORS if (3, minor) != sys.version_info[:2]]
    return {f"3.{minor}": _find(f"3.{minor}") for minor in others}


def _find(version: str) -> str | None:
    for path in _candidates(f"python{version}"):
        if os.access(path, os.X_OK) and _probe(path) == version.replace(".", " "):
            return str(path)
    return None


def _candidates(name: str) -> Iterator[Path]:
    for directory in [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/bin", "/usr/local/bin"]:
        yield Path(directory, name)
    # What pyenv puts on PATH refuses to run where another version is selected; what it installed runs.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/*/bin/{name}"))


def _probe(path: Path) -> str:
    try:
        done = subprocess.run(
            [path, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
