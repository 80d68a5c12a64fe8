"""Runs one command to its end beside a server, and lets no process of either outlive this one.

It waits for signals and for nothing else: they are blocked while it works, so that none comes between
two steps. What the command leaves behind (a daemon) becomes this process's child, and is ended.
https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .parents import adopt_orphans, end_with_parent
from .secret_forms import find_secret_form

# https://man7.org/linux/man-pages/man2/sigaction.2.html
_SI_KERNEL = 128

# For the command. A terminal stops and continues a whole group of processes by itself.
_PASSED_ON = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGWINCH,
    }
)
_WATCHED = _PASSED_ON | {signal.SIGCHLD}

# Ends as env(1) and every shell end: https://www.gnu.org/software/coreutils/manual/html_node/env-invocation.html
NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 126, 127, 128

# How long what is left may take to end, before it is killed.
_END_S = 2.5


class CannotRun(Exception):
    """The command cannot be run; `status` is what a shell would end with."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ServerEnded(Exception):
    """The server ended before the command did."""


class Guard:
    """Holds signals back from this process, for whatever it starts: `with Guard() as guard`."""

    def __enter__(self) -> "Guard":
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        adopt_orphans()
        self._ended: dict[int, int] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._end(_list_children())
        # A ^C that nobody took is not this process's: the command had its chance.
        while signal.sigtimedwait(_WATCHED, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def release(self, death: signal.Signals) -> None:
        """In a child: take signals again, and get that one when this process ends."""
        end_with_parent(death)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def run(self, command: Sequence[str], environ: Mapping[str, str], server: int) -> int:
        """The exit status of the command. Raises CannotRun, ServerEnded."""
        named = find_secret_form(command[0]) or command[0]
        try:
            process = subprocess.Popen(
                command,
                env=environ,
                close_fds=False,
                preexec_fn=lambda: self.release(signal.SIGKILL),
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CannotRun(f"{named}: no such command", NOT_FOUND) from error
        except OSError as error:
            raise CannotRun(f"{named}: {error.strerror}", NOT_EXECUTABLE) from error
        while not self._ended.keys() & {process.pid, server}:
            self._pass_on(process.pid)
        if process.pid not in self._ended:
            raise ServerEnded
        process.returncode = code = self._ended[process.pid]
        self._end(_list_children() - {server})
        return code if code >= 0 else BY_SIGNAL - code

    def _pass_on(self, child: int) -> None:
        """Wait for a signal, and do what it asks for."""
        found = signal.sigwaitinfo(_WATCHED)
        if found.si_signo == signal.SIGCHLD:
            self._reap()
        elif found.si_code != _SI_KERNEL:
            # What a terminal sends has reached the command already, which is of the same group.
            os.kill(child, found.si_signo)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended[pid] = os.waitstatus_to_exitcode(status)

    def _end(self, children: set[int]) -> None:
        """End them, and who becomes this process's child when they end; nobody else's."""
        spared = _list_children() - children
        for number in (signal.SIGTERM, signal.SIGKILL):
            told: set[int] = set()
            deadline = time.monotonic() + _END_S
            while (left := _list_children() - spared) and (rest_s := deadline - time.monotonic()) > 0:
                for pid in left - told:
                    os.kill(pid, number)
                told |= left
                signal.sigtimedwait({signal.SIGCHLD}, rest_s)
                self._reap()


def _list_children() -> set[int]:
    """The children of this process, those included that have ended and are not reaped."""
    own = os.getpid()
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # PID (NAME) STATE PARENT …, and a name may hold anything
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == own:
            found.add(int(process.name))
    return found
