"""Start of every script, after a check of Python: any Python 3 can read this file and the scripts.

`nox` replaces the process with a session of scripts/noxfile.py. nox itself is installed once, as locked, into
.nox/runner-VERSION; .nox/ also holds the environments of the sessions, and may be deleted at any time.
"""

import importlib
import importlib.util
import os
import signal
import subprocess
import sys

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = os.path.join(CHECKOUT, "scripts")
NOX = os.path.join(CHECKOUT, ".nox")
LOCK = os.path.join(SCRIPTS, "requirements-nox.txt")
NO_INDEX = "pip cannot install: check the network, and the package index that pip uses (pip config list)"


def start(module: str) -> None:
    """Runs `main(arguments)` of the module and exits with its result."""
    _reset_signals()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        sys.exit(importlib.import_module(module).main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of stdout, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)


def nox(session: str, *arguments: str) -> None:
    """Replaces this process by nox, which runs the session with the arguments."""
    _reset_signals()
    command = [_find_runner(), "-B", "-m", "nox", "--noxfile", os.path.join(SCRIPTS, "noxfile.py")]
    sys.stdout.flush()
    os.execv(command[0], [*command, "--envdir", NOX, "--session", session, "--", *arguments])  # noqa: S606


def find_paths(arguments: "list[str]") -> "list[str]":
    """Returns the arguments, with existing paths made relative to the checkout."""
    return [_find_path(argument) for argument in arguments]


def say(text: str) -> None:
    """Prints a line that names the running script."""
    print("scripts/{}: {}".format(os.path.basename(sys.argv[0]), text), flush=True)  # noqa: UP032


def _find_path(argument: str) -> str:
    path, separator, test = argument.partition("::")
    if path and not path.startswith("-") and os.path.exists(path):
        path = os.path.relpath(path, CHECKOUT)
    return path + separator + test


def _check_python() -> None:
    if sys.version_info < (3, 10):  # noqa: UP036 - this line is the check
        sys.exit("Python 3.10 or later is needed, this is {}.{}".format(*sys.version_info[:2]))
    for name in ("venv", "ensurepip"):
        if importlib.util.find_spec(name) is None:
            sys.exit("Python's {} module is missing: apt-get install python3-venv".format(name))  # noqa: UP032


def _reset_signals() -> None:
    # A shell starts background jobs with SIGINT and SIGQUIT ignored, which every child would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def _leave(number: int, _frame: object) -> None:
    # As an exception, so that every `with` removes its files.
    sys.exit(128 + number)


def _find_runner() -> str:
    """Returns the Python that has the locked nox; installs nox if it is missing."""
    with open(LOCK, encoding="utf-8") as file:
        lock = file.read()
    if _has_locked_nox(lock):
        return sys.executable
    place = os.path.join(NOX, "runner-{}.{}".format(*sys.version_info[:2]))
    python, stamp = os.path.join(place, "bin", "python"), os.path.join(place, "installed")
    if not _is_installed(python, stamp, lock):
        say("install nox into .nox/, once")
        pip = [python, "-m", "pip", "-qq", "--disable-pip-version-check", "install"]
        _run([sys.executable, "-m", "venv", "--clear", place], "cannot create an environment in " + place)
        _run([*pip, "--require-hashes", "--requirement", LOCK], NO_INDEX)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(lock)
    return python


def _has_locked_nox(lock: str) -> bool:
    # The environment of the tests, for example, has nox already.
    if sys.prefix == sys.base_prefix or importlib.util.find_spec("nox") is None:
        return False
    from importlib.metadata import version

    return "\nnox=={} ".format(version("nox")) in lock


def _is_installed(python: str, stamp: str, lock: str) -> bool:
    try:
        with open(stamp, encoding="utf-8") as file:
            is_current = file.read() == lock
    except OSError:
        return False
    # Its Python may have been removed.
    return is_current and os.access(python, os.X_OK)


def _run(command: "list[str]", reason: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        sys.exit("failed: " + reason)


_check_python()
