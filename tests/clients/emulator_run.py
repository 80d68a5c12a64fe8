"""A `gcr-emulator run` that waits, and the commands that are run in it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clients.command import Client
from support.child_processes import Outcome, list_children
from support.serve_arguments import SERVE_ARGUMENTS

GCR_EMULATOR = (sys.executable, "-m", "docker_credential_gcr.emulator.cli.main")
LIMIT_S = 120

# Prints its PID, and waits until its stdin ends. It does not exec: during an exec, a process's environment
# cannot be read.
WAIT = ("sh", "-c", "echo $$; read _ || :")

# Prints its PID and its engine's address, and keeps both until its stdin ends.
ENGINE = """
import os, sys
from pathlib import Path
from clients.docker.engine import engine
with engine(Path(sys.argv[1])) as address:
    print(os.getpid(), address, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Inside:
    """The sandbox of a run, entered by the PID of a process in it, with that process's environment."""

    owner: int
    environ: dict[str, str]
    words: list[str]

    def call(self, settings: Mapping[str, str], *command: object, stdin: str = "") -> Outcome:
        """Runs a command in the sandbox, as root; ends it after LIMIT_S."""
        enter = Client("nsenter", {**self.environ, **settings})
        limit = ("timeout", str(LIMIT_S))
        return enter("--target", self.owner, "--net", "--mount", "--pid", "--", *limit, *command, stdin=stdin)


@contextmanager
def waiting_run(
    options: Sequence[str], environ: Mapping[str, str], owner: Sequence[str] = WAIT
) -> Iterator[Inside]:
    """Runs `gcr-emulator run` for the block; the run ends with its stdin, whatever happens.

    The command `owner` prints one line, its PID and further words, and waits for the end of its stdin.
    Raises AssertionError when the run fails.
    """
    command = [*GCR_EMULATOR, "run", *options, *SERVE_ARGUMENTS, "--", *owner]
    with subprocess.Popen(
        command, env=dict(environ), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise AssertionError("gcr-emulator run has not started its command: its stderr says why")
            number, *words = line.split()
            pid = _find_outside(process.pid, number)
            text = Path(f"/proc/{pid}/environ").read_text()
            inside = dict(entry.split("=", 1) for entry in text.split("\0") if entry)
            yield Inside(pid, inside, words)
        finally:
            _end(process)
    if process.returncode != 0:
        raise AssertionError(f"gcr-emulator run exits with {process.returncode}")


def own_engine(directory: Path) -> tuple[str, ...]:
    """Returns the command of an owner that has a Docker Engine, in a new directory, whose address it prints.

    Its environment needs the directory of the tests in PYTHONPATH.
    """
    directory.mkdir()
    return (sys.executable, "-c", ENGINE, str(directory))


def _find_outside(run: int, number: str) -> int:
    """Returns the PID, outside, of the child of `run` that has the PID `number` in its own namespace."""
    for child in list_children(run):
        status = Path(f"/proc/{child}/status").read_text()
        numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        if len(numbers) > 1 and numbers[-1] == number:
            return child
    raise AssertionError(f"gcr-emulator run has no child {number}")


def _end(process: "subprocess.Popen[str]") -> None:
    try:
        process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
