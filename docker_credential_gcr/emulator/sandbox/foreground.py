"""Foreground process group of the terminal: given to a command and taken back, as a shell does for a job.

In a PID namespace a process group whose leader is outside has the number 0, and a shell cannot give the
terminal back to that group. So the command leads a new process group, which gets ^C and ^Z.
https://www.gnu.org/software/libc/manual/html_node/Implementing-a-Shell.html
"""

import os
import signal
from contextlib import suppress

_TERMINAL = 0


def owns_terminal() -> bool:
    """Returns whether this process is in the foreground of its terminal, and not part of a pipeline."""
    return os.isatty(1) and _is_in_foreground()


def take() -> None:
    """Makes this process the leader of a new process group in the foreground."""
    os.setpgid(0, 0)
    _set_foreground(os.getpid())


def suspend(group: int) -> None:
    """Stops this process after its command was stopped, and continues the command with this process.

    The shell that started this process sees it stopped. The command continues at once without such a shell,
    because the kernel then ignores SIGTSTP, and if it was stopped for using this process's terminal.
    """
    if not _is_in_foreground():
        os.killpg(os.getpgrp(), signal.SIGTSTP)
    if _is_in_foreground():
        _set_foreground(group)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)


def take_back() -> None:
    """Moves this process to the foreground if the process group there has ended."""
    with suppress(OSError):
        try:
            os.killpg(os.tcgetpgrp(_TERMINAL), 0)
        except ProcessLookupError:
            _set_foreground(os.getpgrp())


def _is_in_foreground() -> bool:
    try:
        return os.tcgetpgrp(_TERMINAL) == os.getpgrp()
    except OSError:  # no terminal, or not the one of this session
        return False


def _set_foreground(group: int) -> None:
    # SIGTTOU would stop a process in the background that does this.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    with suppress(OSError):  # the terminal was closed
        os.tcsetpgrp(_TERMINAL, group)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
