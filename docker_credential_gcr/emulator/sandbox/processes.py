"""Processes of `gcr-emulator run`: a command in a PID namespace, and a server; none outlives this one.

    run             waits for the others, forwards signals
    ├── server      outside the PID namespace: SIGTERM ends it, and it removes a temporary directory
    ├── init        PID 1 of the namespace: when it ends, the kernel kills all other processes in it
    └── command     PID 2

When run is killed, the kernel sends SIGTERM to the server and SIGKILL to init (prctl PR_SET_PDEATHSIG).
run blocks signals, and gets them from sigwaitinfo only: none interrupts a step.
https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
"""

import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence

from docker_credential_gcr.emulator.runtime.prctl import end_with_parent
from docker_credential_gcr.errors import find_secret_form

from . import foreground, namespaces

# https://man7.org/linux/man-pages/man2/sigaction.2.html
_SI_KERNEL = 128

_FORWARDED = frozenset(
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
_WATCHED = _FORWARDED | {signal.SIGCHLD}

# Exit statuses of env(1) and shells: https://www.gnu.org/software/coreutils/manual/html_node/env-invocation.html
NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 126, 127, 128

# Time for the server to end before SIGKILL.
_GRACE_S = 2.5


class CannotRun(Exception):
    """The command cannot be run; `status` is the exit status of a shell in that case."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ServerEnded(Exception):
    """The server ended before the command did."""


class ChildProcesses:
    """Starts processes that end with this one, and blocks signals: `with ChildProcesses() as children`."""

    def __enter__(self) -> "ChildProcesses":
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        self._running: set[int] = set()
        self._ended: dict[int, int] = {}
        # The children have the reading end only: it reaches EOF when this process ends.
        self._alive_reader, self._alive_writer = os.pipe()
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._end(number)
        os.close(self._alive_reader)
        os.close(self._alive_writer)
        # Discards pending signals, such as a ^C that the command ignored: they would interrupt this process.
        while signal.sigtimedwait(_WATCHED, 0) is not None:
            pass
        self.unblock()

    def unblock(self) -> None:
        """Restores the signal mask from before `with`; also for a child, which inherits the mask."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def fork(self, work: Callable[[], int], death: signal.Signals) -> int:
        """Starts a process that exits with what `work` returns.

        The kernel sends it the signal `death` when this process ends.
        """
        sys.stdout.flush()
        pid = os.fork()
        if pid != 0:
            self._running.add(pid)
            return pid
        status = 1
        try:
            os.close(self._alive_writer)
            end_with_parent(death)
            # The parent may have ended before the line above.
            if not select.select([self._alive_reader], [], [], 0)[0]:
                status = work()
        except BaseException:  # noqa: BLE001 - top of the process
            traceback.print_exc()
        finally:
            os._exit(status)

    def run(self, command: Sequence[str], environ: Mapping[str, str], server: int) -> int:
        """Returns the exit status of the command. Raises CannotRun, NoNamespaces, ServerEnded."""
        namespaces.enter_pid_namespace()
        init = self._start_init()
        leads_group = foreground.owns_terminal()
        try:
            process = start(command, environ, lambda: self._prepare(leads_group=leads_group))
            self._wait(process.pid, server, leads_group=leads_group)
            if process.pid not in self._ended:
                raise ServerEnded
            process.returncode = code = self._ended[process.pid]
        finally:
            os.kill(init, signal.SIGKILL)
            while init not in self._ended:
                self._reap(os.waitpid(-1, 0))
            if leads_group:
                foreground.take_back()
        return code if code >= 0 else BY_SIGNAL - code

    def _start_init(self) -> int:
        reading, writing = os.pipe()
        init = self.fork(lambda: _run_init(writing), signal.SIGKILL)
        os.close(writing)
        os.read(reading, 1)  # EOF when init has closed the other end
        os.close(reading)
        return init

    def _prepare(self, *, leads_group: bool) -> None:
        if leads_group:
            foreground.take()
        self.unblock()

    def _wait(self, command: int, server: int, *, leads_group: bool) -> None:
        """Forwards signals to the command until it or the server has ended."""
        while not self._ended.keys() & {command, server}:
            found = signal.sigwaitinfo(_WATCHED)
            if found.si_signo == signal.SIGCHLD:
                self._reap_all(command if leads_group else None)
            elif leads_group or found.si_code != _SI_KERNEL:
                # The kernel has sent a terminal's signal to the whole process group, with the command in it.
                os.kill(command, found.si_signo)

    def _reap_all(self, job: int | None = None) -> None:
        """Records the children that have ended; if the job was stopped, stops this process too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | (os.WUNTRACED if job is not None else 0))
            except ChildProcessError:
                return
            if pid == 0:
                return
            if not os.WIFSTOPPED(status):
                self._reap((pid, status))
            elif pid == job:
                foreground.suspend(job)

    def _reap(self, ended: tuple[int, int]) -> None:
        pid, status = ended
        self._running.discard(pid)
        self._ended[pid] = os.waitstatus_to_exitcode(status)

    def _end(self, number: signal.Signals) -> None:
        """Sends the signal to all children, and waits for their end for a limited time."""
        for pid in self._running:
            os.kill(pid, number)
        deadline = time.monotonic() + _GRACE_S
        while self._running and (rest_s := deadline - time.monotonic()) > 0:
            signal.sigtimedwait({signal.SIGCHLD}, rest_s)
            self._reap_all()


def start(
    command: Sequence[str], environ: Mapping[str, str], prepare: Callable[[], None]
) -> "subprocess.Popen[bytes]":
    """Starts the command; its process calls `prepare` before exec. Raises CannotRun."""
    named = find_secret_form(command[0]) or command[0]
    try:
        return subprocess.Popen(command, env=environ, close_fds=False, preexec_fn=prepare)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CannotRun(f"{named}: no such command", NOT_FOUND) from error
    except OSError as error:
        raise CannotRun(f"{named}: {error.strerror}", NOT_EXECUTABLE) from error


def _run_init(ready: int) -> int:
    # A new session: the terminal's signals do not reach init.
    os.setsid()
    # With SIGCHLD ignored the kernel reaps orphans itself. wait(2)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    namespaces.mount_proc()
    os.close(ready)
    while True:
        signal.pause()
