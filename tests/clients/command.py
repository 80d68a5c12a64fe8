"""A client's program, run as a user runs it."""

import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.child_processes import Outcome

LIMIT_S = 240


@contextmanager
def nameable_directory() -> Iterator[Path]:
    """Creates a temporary directory for layouts: podman and buildah name what they pull from one by its path.

    So the path has only the characters of an image's name (tempfile's may have underscores), and is short,
    or podman refuses to store there.
    """
    directory = Path("/tmp", f"gcr-{secrets.token_hex(8)}")
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


class CannotStart(Exception):
    """A server that the tests need does not start; the message has its output."""


class Client:
    """One program with its own environment, which a test may change."""

    def __init__(self, program: str, environ: Mapping[str, str]) -> None:
        self.program = program
        # gcloud colours what it says by the terminal's name, also where its output is no terminal.
        self.environ = {**environ, "TERM": "dumb"}

    def __call__(self, *arguments: object, stdin: str = "", **environ: str) -> Outcome:
        """Runs the program to its end."""
        done = subprocess.run(
            [self.program, *map(str, arguments)],
            env=self.environ | environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def succeed(self, *arguments: object, stdin: str = "", **environ: str) -> str:
        """Returns the program's output. Raises AssertionError when it fails."""
        outcome = self(*arguments, stdin=stdin, **environ)
        if outcome.status != 0:
            raise AssertionError(f"{self.program} {arguments}: {outcome}")
        return outcome.stdout

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """Starts the program without waiting for it."""
        return subprocess.Popen(
            [self.program, *map(str, arguments)],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def version(self) -> str:
        """Returns the number that `--version` prints: Docker version 20.10.24+dfsg1, build 297e128."""
        return self.succeed("--version").split()[2].rstrip(",")


# Records each call, then runs the helper.
_COUNTED = """#!/bin/sh
case $1 in get|store|erase) input=$(cat) ;; *) input= ;; esac
printf '%s %s\\n' "$1" "$input" >> '{log}'
printf '%s' "$input" | '{helper}' "$@"
"""


class HelperCalls:
    """The clients' calls of the helper, one "VERB INPUT" each; they find it in `directory`."""

    def __init__(self, directory: Path, helper: Path) -> None:
        self._log = directory / "calls"
        self._log.touch()
        wrapper = directory / helper.name
        wrapper.write_text(_COUNTED.format(log=self._log, helper=helper))
        wrapper.chmod(0o755)

    def take(self) -> list[str]:
        """Returns the calls since the last time."""
        calls = self._log.read_text().splitlines()
        self._log.write_text("")
        return calls


def find_programs(name: str, path: str) -> list[str]:
    """Returns every program of the name on PATH, in order; Debian's /bin is /usr/bin."""
    found = [shutil.which(name, path=directory) for directory in path.split(":")]
    distinct: dict[Path, str] = {}
    for program in filter(None, found):
        distinct.setdefault(Path(program).resolve(), program)
    return list(distinct.values())
