"""Isolated environments for the scripts, and the commands that run in them."""

import os
import shutil
import signal
import string
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

# The path of a built wheel: scripts/test gives it to the scripts that the tests run.
WHEEL_VARIABLE = "GCR_TEST_WHEEL"

# Variables that every program needs; no settings, credentials or proxies of the user.
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ", "CI", "SYSTEMROOT", "PYTHONDONTWRITEBYTECODE")

# Replaces a TMPDIR that is longer, or has a space; the paths inside take 60 more bytes.
TEMPORARY, MAX_TEMPORARY = ("/var/tmp", "/tmp"), 60  # noqa: S108 - mkdtemp creates a private directory there

# The shown part of a failed command's output: the number of lines, and the characters of each.
_MOST, _LONGEST = 30, 400


class Failed(Exception):
    """A step failed; the message holds the command and its output."""


def make_environment(path: Path, python: str, *requirements: str) -> Path:
    """Creates a virtual environment with the requirements; returns its directory of programs."""
    run([python, "-m", "venv", str(path)])
    pip = [str(path / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if requirements:
        run([*pip, "install", *requirements])
    return path / "bin"


@contextmanager
def temporary_directory(*, keep: bool = False) -> Iterator[Path]:
    """Creates a temporary directory, and removes it at the end, also after a signal."""
    directory = Path(tempfile.mkdtemp(prefix="gcr-", dir=_find_temporary_directory()))
    try:
        yield directory
    finally:
        if not keep:
            previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
            shutil.rmtree(directory, ignore_errors=True)
            signal.signal(signal.SIGINT, previous)


def _find_temporary_directory() -> str | None:
    """Returns a directory in which an environment's programs can be started; None if TMPDIR is one.

    pip writes the path of Python into the first line of a script. No system accepts a space there, and some
    accept at most 127 bytes.
    """
    named = tempfile.gettempdir()
    is_nameable = not set(named) & set(string.whitespace) and len(os.fsencode(named)) <= MAX_TEMPORARY
    return None if is_nameable else next(filter(os.path.isdir, TEMPORARY), None)


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    umask: int = -1,
) -> str:
    """Returns the command's stdout and stderr together. Raises Failed if it fails."""
    with subprocess.Popen(
        command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", umask=umask,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate()
        except BaseException:
            process.kill()
            process.wait()  # subprocess.run does not wait after ^C
            raise
    if process.returncode != 0:
        last = [line[:_LONGEST] for line in output.splitlines()[-_MOST:]]
        raise Failed("\n".join([f"{' '.join(command)}: exit status {process.returncode}", *last]))
    return output


def isolated_environ(home: Path, *programs: Path) -> dict[str, str]:
    """Returns variables with a separate home, and with these directories first on PATH."""
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environ["PATH"] = os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)])
    temporary, runtime = home / "tmp", home / "run"
    for directory in (temporary, runtime):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    environ.update(HOME=str(home), TMPDIR=str(temporary), XDG_RUNTIME_DIR=str(runtime))
    for name in ("cache", "config", "data", "state"):
        environ[f"XDG_{name.upper()}_HOME"] = str(home / f".{name}")
    return environ
