"""A gcr-emulator process inside a `with`, its memory and its CPU time."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from _environment import Failed

START_S = 30
STOP_S = 5


@contextmanager
def emulator(command: Sequence[str], *, environ: Mapping[str, str], log: Path) -> Iterator[dict[str, Any]]:
    """Runs the command; yields its ready document, the only line that it writes to stdout."""
    with log.open("wb") as errors:
        # A separate process group: ^C in the terminal reaches only the script, which then stops the emulator.
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield _await_ready(process, log)
        finally:
            _stop(process)


def read_pss(pid: int) -> int:
    """Returns the PSS of the process and its descendants in bytes."""
    return sum(process.memory_full_info().pss for process in _list_processes(pid))


def read_cpu_s(pid: int) -> float:
    """Returns the CPU seconds, user and system, of the process and its descendants."""
    import psutil  # type: ignore[import-untyped] # scripts/bench reads its options without it

    total_s = 0.0
    for process in _list_processes(pid):
        # A child that ends meanwhile: its parent's times, four with those of ended children, get its own.
        with suppress(psutil.NoSuchProcess):
            total_s += sum(process.cpu_times()[:4])
    return total_s


def _list_processes(pid: int) -> list[Any]:
    import psutil

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
