"""A terminal of a chosen width, and the output of a command on it."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Mapping, Sequence

from support.child_processes import LIMIT_S, running


def run_at_terminal(
    command: Sequence[str], columns: int, environ: Mapping[str, str] = os.environ
) -> tuple[int, str]:
    """Returns the exit status of a command with all streams at the terminal, and what it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    streams = {"stdin": slave, "stdout": slave, "stderr": slave}
    with running(command, **streams, env={**kept, "TERM": "xterm"}) as process:
        os.close(slave)
        written = b""
        # EIO: on Linux, the other side of the terminal is closed.
        with contextlib.suppress(OSError):
            while block := os.read(master, 65536):
                written += block
        process.wait(LIMIT_S)
    os.close(master)
    return process.returncode, written.decode()


def remove_escapes(text: str) -> str:
    """Returns the text without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
