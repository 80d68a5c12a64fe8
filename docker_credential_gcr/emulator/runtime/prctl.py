"""Parents of processes as Linux keeps them; elsewhere nothing here does anything.

https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
"""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(death: signal.Signals) -> None:
    """Has the kernel send this process that signal at the end of its parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(death), 0, 0, 0)
