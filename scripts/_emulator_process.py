"""A gcr-emulator that runs as a program, for as long as a `with` lasts, and what it takes of the machine."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _environment import Failed

START_S = 30
STOP_S = 5


@contextmanager
def emulator(command: Sequence[str], *, environ: Mapping[str, str], log: Path) -> Iterator[dict[str, Any]]:
    """Run the command; gives its ready document, the one line which it writes to stdout."""
    with log.open("wb") as errors:
        # A group of its own: ^C in the terminal reaches the script alone, which then stops the emulator.
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield _await_ready(process, log)
        finally:
            _stop(process)


def read_pss(pid: int) -> int:
    """Returns the bytes that the process and its descendants hold, shared ones by their part."""
    return sum(process.memory_full_info().pss for process in _list_processes(pid))


def read_cpu_s(pid: int) -> float:
    """Returns the seconds, user and system, that processors have spent on the process and its descendants."""
    # Four times of each: a descendant's are added to its parent's once it has ended.
    return sum(sum(process.cpu_times()[:4]) for process in _list_processes(pid))


def _list_processes(pid: int) -> list[Any]:
    import psutil  # type: ignore[import-untyped] # scripts/bench has none when it reads its options

    server = psutil.Process(pid)
    return [server, *server.children(recursive=True)]


def _await_ready(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    readable, _, _ = select.select([process.stdout], [], [], START_S)
    line = process.stdout.readline() if readable else b""
    if not line.endswith(b"\n"):
        reason = "it stopped" if readable else f"not ready after {START_S} s"
        raise Failed(f"gcr-emulator does not start, {reason}:\n{log.read_text(errors='replace')}".rstrip())
    return dict(json.loads(line))


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
