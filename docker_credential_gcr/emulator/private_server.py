"""A server in a child process, in the mount and the network namespace of this process and with its rights."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from .processes import Guard
from .settings import Settings


def start(settings: Settings, guard: Guard, owned: Path) -> tuple[int, dict[str, Any]] | None:
    """Starts a server: returns its PID and its ready document, or None when it failed, which stderr explains.

    The server removes the directory `owned` when it ends, also where this process was killed.

    It is forked, not executed: exec would take the right to the ports below 1024 from a user who is not root.
    """
    reading, writing = os.pipe()
    pid = guard.fork(lambda: _serve(settings, guard, writing, owned), signal.SIGTERM)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as said:
        line = said.readline()
    return (pid, json.loads(line)) if line else None


def _serve(settings: Settings, guard: Guard, ready: int, owned: Path) -> int:
    try:
        # A ^C in the terminal is for the command.
        os.setsid()
        guard.unblock()
        # stdin and stdout are the command's; the ready document goes into the pipe.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(ready, 1)
        os.close(ready)
        from .server import serve

        return serve(settings)
    finally:
        shutil.rmtree(owned, ignore_errors=True)
