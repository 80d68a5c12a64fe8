"""GCR_TEST_SERVE: further arguments of `serve` and `run`, for other runs of the suite.

`GCR_TEST_SERVE="--workers 2 --journal" scripts/test-clients` drives the clients against two workers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from _emulator_process import emulator
from support.child_processes import OF_THE_SESSION, list_children

SERVE_ARGUMENTS = tuple(os.environ.get("GCR_TEST_SERVE", "").split())


@contextmanager
def serving(program: Path, folder: Path) -> Iterator[SimpleNamespace]:
    """Starts the emulator as a program with these arguments; yields its ready document."""
    command = [str(program), "serve", "--port", "0", "--data", str(folder / "data"), *SERVE_ARGUMENTS]
    before = list_children()
    with emulator(command, environ=os.environ, log=folder / "emulator.log") as ready:
        OF_THE_SESSION.update(list_children().keys() - before.keys())
        yield SimpleNamespace(**ready)
