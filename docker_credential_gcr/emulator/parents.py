"""Parents and children as Linux keeps them; elsewhere nothing here does anything.

https://man7.org/linux/man-pages/man2/prctl.2.html
"""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def end_with_parent(death: signal.Signals) -> None:
    """Have the kernel send this process that signal at the end of its parent."""
    _prctl(_PR_SET_PDEATHSIG, death)


def adopt_orphans() -> None:
    """Be the parent of whatever the children leave behind."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ctypes.c_int(option), ctypes.c_ulong(value), 0, 0, 0)
