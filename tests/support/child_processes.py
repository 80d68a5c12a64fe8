"""Child processes of a test: all end with it, whether it passes, fails or times out."""

import os
import select
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# For what takes a second on an idle machine: this one may have ten times as much work as processors.
LIMIT_S = 60
# PIDs that a session's fixture started: they outlive the first test that needs the fixture.
OF_THE_SESSION: set[int] = set()


@dataclass(frozen=True)
class Outcome:
    """The exit status of a command, and what it wrote."""

    status: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """Returns the lines of stderr that are not blank."""
        return [line for line in self.stderr.splitlines() if line.strip()]


@contextmanager
def running(command: Sequence[object], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """Starts a program, and kills it at the end of the block if it still runs.

    `with subprocess.Popen(…)` would wait for it without a limit after a failure of the test.
    """
    process = subprocess.Popen([*map(str, command)], **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            end([process.pid])
            process.wait(LIMIT_S)
        for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
            with suppress(OSError):  # stdin may hold bytes that the program has not read
                stream.close()


def await_end(*pids: int) -> None:
    """Waits until processes have ended that are not children of this process."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        readable, _, _ = select.select([handle], [], [], LIMIT_S)
        os.close(handle)
        assert readable, f"process {pid} still runs"


def list_children(pid: int | str = "self") -> dict[int, str]:
    """Returns the command lines of a process's running children by PID; only Linux has them."""
    children = {}
    for child in _list_numbers(pid):
        with suppress(OSError):  # the child has ended
            children[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ").strip()
    # A zombie has no command line.
    return {child: command for child, command in children.items() if command}


def _list_numbers(pid: int | str) -> list[int]:
    # Without pathlib, because each test asks twice: a glob takes twice as long.
    found: list[int] = []
    with suppress(OSError):  # a thread, or the process, has ended
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def end(pids: Iterable[int]) -> None:
    """Kills processes with their descendants."""
    for pid in pids:
        children = _list_numbers(pid)  # not list_children: during an exec, a process has no command line
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        end(children)
