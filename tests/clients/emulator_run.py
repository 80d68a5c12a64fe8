"""A `gcr-emulator run` that waits, and what is called within it."""

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


@dataclass(frozen=True)
class Inside:
    """Where Google is the emulator: the process with that PID is there, with that environment."""

    owner: int
    environ: dict[str, str]
    words: list[str]

    def call(self, settings: Mapping[str, str], *command: object, stdin: str = "") -> Outcome:
        """Runs a command there, which must be root's; what takes too long is ended."""
        enter = Client("nsenter", {**self.environ, **settings})
        limit = ("timeout", str(LIMIT_S))
        return enter("--target", self.owner, "--net", "--mount", "--pid", "--", *limit, *command, stdin=stdin)


@contextmanager
def waiting_run(
    options: Sequence[str], environ: Mapping[str, str], owner: Sequence[str] = WAIT
) -> Iterator[Inside]:
    """Everything there is, gone afterwards, whatever happens: it ends with its stdin.

    `owner` prints one line, its number and what more it has to say, and waits for the end of its stdin.
    Raises AssertionError when the run does not end well.
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


def _find_outside(run: int, number: str) -> int:
    """Returns the PID here of the child of `run` that has that PID in its own PID namespace."""
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
