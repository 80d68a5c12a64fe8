"""An emulator in a process beside this one, in its namespaces and with its rights."""

import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from .processes import Guard
from .settings import Settings


def start(settings: Settings, guard: Guard, owned: Path) -> tuple[int, dict[str, Any]] | None:
    """Start it; its process and its ready document, or None when it did not start, which stderr explains.

    It removes the directory that it owns when it ends, also where this process was killed.

    The process is forked, not executed: who is not root loses the right to the ports below 1024 by that.
    """
    sys.stdout.flush()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os._exit(_serve(settings, guard, writing, owned))
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as said:
        line = said.readline()
    return (pid, json.loads(line)) if line else None


def _serve(settings: Settings, guard: Guard, ready: int, owned: Path) -> int:
    try:
        # A ^C in the terminal is for the command.
        os.setsid()
        # Its own SIGTERM: it ends in order, and takes a temporary directory along.
        guard.release(signal.SIGTERM)
        # Its stdin and stdout are the command's; the ready document goes to who waits for it.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(ready, 1)
        os.close(ready)
        from .server import serve

        return serve(settings)
    except BaseException:  # noqa: BLE001 - the rim of the process
        traceback.print_exc()
        return 1
    finally:
        shutil.rmtree(owned, ignore_errors=True)
