"""A client's program, called as a person calls it."""

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
    """A temporary directory for layouts: podman and buildah name what they pull from one by its path.

    So it may hold nothing that no image's name may, such as tempfile's underscores; and is short, or
    podman refuses to keep its storage there.
    """
    directory = Path("/tmp", f"gcr-{secrets.token_hex(8)}")
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


class CannotStart(Exception):
    """A server that the tests need does not start; the message holds what it said."""


class Client:
    """One program in an environment of its own, which a test may change."""

    def __init__(self, program: str, environ: Mapping[str, str]) -> None:
        self.program = program
        self.environ = dict(environ)

    def __call__(self, *arguments: object, stdin: str = "", **environ: str) -> Outcome:
        """Run it to its end."""
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
        """Its output. Raises AssertionError when it fails."""
        outcome = self(*arguments, stdin=stdin, **environ)
        if outcome.status != 0:
            raise AssertionError(f"{self.program} {arguments}: {outcome}")
        return outcome.stdout

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """Run it while the test does something else."""
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
        """The number that `--version` gives: Docker version 20.10.24+dfsg1, build 297e128."""
        return self.succeed("--version").split()[2].rstrip(",")


# It writes down each call, and is the helper for the rest.
_COUNTED = """#!/bin/sh
case $1 in get|store|erase) input=$(cat) ;; *) input= ;; esac
printf '%s %s\\n' "$1" "$input" >> '{log}'
printf '%s' "$input" | '{helper}' "$@"
"""


class HelperCalls:
    """What the clients asked the helper for, one "VERB INPUT" a call; they find it in `directory`."""

    def __init__(self, directory: Path, helper: Path) -> None:
        self._log = directory / "calls"
        self._log.touch()
        wrapper = directory / helper.name
        wrapper.write_text(_COUNTED.format(log=self._log, helper=helper))
        wrapper.chmod(0o755)

    def take(self) -> list[str]:
        """The calls since the last time."""
        calls = self._log.read_text().splitlines()
        self._log.write_text("")
        return calls


def find_programs(name: str, path: str) -> list[str]:
    """Every program of the name on PATH, the first one first; Debian's /bin is /usr/bin."""
    found = [shutil.which(name, path=directory) for directory in path.split(":")]
    distinct: dict[Path, str] = {}
    for program in filter(None, found):
        distinct.setdefault(Path(program).resolve(), program)
    return list(distinct.values())
