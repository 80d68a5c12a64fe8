"""Starts a script: refuses a Python that cannot run it, and turns its end into an exit status.

This file alone must be readable by every Python 3.
"""

import importlib.util
import os
import signal
import sys


def start(module: str) -> None:
    """Run `main(arguments)` of the module and exit with what it returns."""
    if sys.version_info < (3, 10):  # noqa: UP036 - it is what this line is about
        sys.exit("Python 3.10 or later is needed, this is {}.{}".format(*sys.version_info[:2]))
    for name in ("venv", "ensurepip"):
        if importlib.util.find_spec(name) is None:
            sys.exit("Python's {} module is missing: install python3-venv".format(name))  # noqa: UP032
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    # A shell starts what runs in its background with SIGINT ignored, and what a script starts inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(importlib.import_module(module).main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of stdout, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)


def _leave(number: int, _frame: object) -> None:
    # As an exception, so that every `with` on the way out removes what it made.
    sys.exit(128 + number)
