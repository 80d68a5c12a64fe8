"""prctl(2) of Linux: ends a process with its parent. Does nothing on other systems.

A module of its own, because only workers and the sandbox pay for the import of ctypes.

https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
"""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(death: signal.Signals) -> None:
    """Makes the kernel send this process the signal when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(death), 0, 0, 0)
