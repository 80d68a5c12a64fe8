"""Launcher script of this program: rewrites it where its path has a space or is too long for a `#!` line:

#!/bin/sh
'''exec' "/path with a space/bin/python" "$0" "$@"
' '''

The shell runs these lines as a command, Python reads them as a string. pip writes them for entry points, and
uv also for a script like this one, where pip writes a plain `#!` line. They cost a start of the shell.
`python -m docker_credential_gcr.helper.launcher` writes them; the next installation by pip removes them.
"""

import os
import sys
from collections.abc import Callable

from docker_credential_gcr import files
from docker_credential_gcr.helper import PROGRAM

from .configure import environment

UNQUOTABLE = b"\"\\$`'"  # in double quotes within Python's single ones
ELSEWHERE = "create the environment in another directory"


def mend(path: str) -> str | None:
    """Rewrites a script whose `#!` line cannot name its interpreter; returns its path, None without a fault.

    Raises ValueError for an interpreter that the shell's line cannot name either, and OSError.
    """
    interpreter = os.fsencode(environment.find_unnamed_interpreter(path) or "")
    if not interpreter:
        return None
    if set(interpreter) & set(UNQUOTABLE):
        raise ValueError(f"cannot mend {path!r}: its path has a quote, a backslash or a dollar")
    path = os.path.realpath(path)
    with open(path, "rb") as file:
        _, _, rest = file.read().partition(b"\n")
    command = b"'''exec' \"" + interpreter + b'" "$0" "$@"'
    files.replace_file(path, b"\n".join((b"#!/bin/sh", command, b"' '''", rest)), like=os.stat(path))
    return path


def main(find_script: Callable[[], str | None] = environment.find_installed) -> int:
    """Mends the script that is installed with this package, and returns the exit status."""
    path = find_script()
    try:
        mended = mend(path) if path else None
    except ValueError as error:
        return _tell(f"{error}\nhint: {ELSEWHERE}", 1)
    except OSError as error:
        text, hint = files.explain_write(path or "", error)
        return _tell(f"{text}\nhint: {hint or ELSEWHERE}", 1)
    return _tell(f"{mended!r} can be started now" if mended else "there is nothing to mend", 0)


def _tell(text: str, status: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {text}\n")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
