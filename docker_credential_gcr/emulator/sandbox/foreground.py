"""Hands the terminal to a command and takes it back, as a shell does for a job.

A command in a PID namespace sees the number 0 for a process group whose leader is outside, and a shell cannot
hand the terminal back to that one. So it leads a process group of its own, to which ^C and ^Z go.
https://www.gnu.org/software/libc/manual/html_node/Implementing-a-Shell.html
"""

import os
import signal
from contextlib import suppress

_TERMINAL = 0


def owns_terminal() -> bool:
    """Tells whether this process is in the foreground of its terminal, and no part of a pipeline."""
    return os.isatty(1) and _is_in_foreground()


def take() -> None:
    """Has this process lead a process group of its own, and be in the foreground."""
    os.setpgid(0, 0)
    _set_foreground(os.getpid())


def suspend(group: int) -> None:
    """Stops this process with a command that was stopped, and continues it when this one is continued.

    The shell that started this process sees it stopped. Without such a shell the kernel ignores SIGTSTP, and
    the command is continued at once; also where it asked for a terminal that was this process's.
    """
    if not _is_in_foreground():
        os.killpg(os.getpgrp(), signal.SIGTSTP)
    if _is_in_foreground():
        _set_foreground(group)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)


def take_back() -> None:
    """Puts this process into the foreground if the process group there has ended."""
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
    # A process in the background is stopped by SIGTTOU for this, unless it blocks that.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    with suppress(OSError):  # the terminal was closed
        os.tcsetpgrp(_TERMINAL, group)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
