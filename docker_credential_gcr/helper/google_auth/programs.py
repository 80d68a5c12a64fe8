"""Programs: runs another program until a deadline, with limited output, and kills its process group."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, NamedTuple

from docker_credential_gcr.helper.paths import format_size

MAX_SIZE = 1024 * 1024  # of stdout, and of stderr, in bytes
PART_SIZE = 64 * 1024
LEFT_S = 1.0  # to read the rest of the pipes, which a daemon outside the process group may hold open
TERMINATION = ("SIGTERM", "SIGHUP")


class Run(NamedTuple):
    """Result of a program: its exit status and its output."""

    status: int
    stdout: str
    stderr: str


class Unanswered(Exception):
    """A program was killed; the text says why, to be read after the program's name."""

    def __init__(self, text: str, *, is_late: bool) -> None:
        super().__init__(text)
        self.is_late = is_late


def run(command: list[str], environ: Mapping[str, str], deadline: float) -> Run:
    """Runs a program with an empty stdin until an instant of time.monotonic, and returns its result.

    No process of its group outlives the call. Raises Unanswered at the deadline and for more output than
    MAX_SIZE, OSError where the program cannot be started.
    """
    with _Termination() as termination, _start(command, environ) as process:
        termination.watch(process)
        try:
            return _await(process, deadline)
        finally:
            if process.returncode is None:  # interrupted; the pid of an ended process may be reused
                _kill(process)


def _start(command: list[str], environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        start_new_session=True,  # a process group, with the children of the program
    )


def _await(process: "subprocess.Popen[bytes]", deadline: float) -> Run:
    outputs = [_Output(stream, process) for stream in (process.stdout, process.stderr) if stream]
    # Waits for the exit, not for the end of the output: a child in the background may hold the pipes open.
    is_late = not _ends_within(deadline, process.wait)
    _kill(process)
    for output in outputs:
        output.join(LEFT_S)
    if any(output.is_over for output in outputs):
        raise Unanswered(f"answered more than {format_size(MAX_SIZE)}", is_late=False)
    if is_late:
        raise Unanswered("did not answer in time", is_late=True)
    return Run(process.returncode, *(output.text for output in outputs))


class _Output(threading.Thread):
    """Thread that reads a pipe of a program to its end, and kills the program for more than MAX_SIZE."""

    def __init__(self, stream: IO[bytes], process: "subprocess.Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self.is_over = False
        self._parts: list[bytes] = []
        self._stream = stream
        self._process = process
        self.start()

    def run(self) -> None:
        size = 0
        with suppress(OSError, ValueError):  # the pipe was closed while a daemon held it open
            while part := os.read(self._stream.fileno(), PART_SIZE):
                size += len(part)
                if size > MAX_SIZE:
                    self.is_over = True
                    if self._process.returncode is None:
                        _kill(self._process)
                    return
                self._parts.append(part)

    @property
    def text(self) -> str:
        """Returns the output, as text."""
        return b"".join(self._parts).decode("utf-8", "replace")


def _ends_within(deadline: float, call: Callable[[], object]) -> bool:
    """Returns whether the call returns in time. In a thread: Popen.wait would poll, and waste 25 ms."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(max(0.1, deadline - time.monotonic()))
    return not thread.is_alive()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(OSError):  # all processes of the group have ended
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


class _Termination:
    """Handlers that kill the program first when this process gets SIGTERM or SIGHUP."""

    def __init__(self) -> None:
        self._handled: list[signal.Signals] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._pending: int | None = None

    def __enter__(self) -> "_Termination":
        with suppress(ValueError):  # only the main thread may set handlers
            for name in TERMINATION:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, self._handle)
                    self._handled.append(number)
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)
        if self._process is None and self._pending is not None:  # the program could not be started
            os.kill(os.getpid(), self._pending)

    def watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Starts to handle signals for a started program; a signal may have come meanwhile."""
        self._process = process
        if self._pending is not None:
            self._handle(self._pending)

    def _handle(self, number: int, _frame: object = None) -> None:
        if self._process is None:
            self._pending = number
            return
        _kill(self._process)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
