"""GCR_TEST_SERVE: further arguments of `serve` and `run`, for other runs of the suite.

`GCR_TEST_SERVE="--workers 2 --journal" scripts/test-clients` drives the clients against two workers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from _emulator_process import emulator
from support.backing_services import find_services
from support.child_processes import OF_THE_SESSION, list_children
from support.servers.emulators import running_replicas

SERVE_ARGUMENTS = tuple(os.environ.get("GCR_TEST_SERVE", "").split())


@contextmanager
def serving(program: Path, folder: Path) -> Iterator[SimpleNamespace]:
    """Starts the emulator as a program with these arguments; yields its ready document."""
    services = find_services(folder / "data").arguments
    command = [
        str(program),
        "serve",
        "--port",
        "0",
        "--data",
        str(folder / "data"),
        *services,
        *SERVE_ARGUMENTS,
    ]
    before = list_children()
    with emulator(command, environ=os.environ, log=folder / "emulator.log") as ready:
        OF_THE_SESSION.update(list_children().keys() - before.keys())
        yield SimpleNamespace(**ready)


@contextmanager
def serving_replicas(count: int, folder: Path) -> Iterator[SimpleNamespace]:
    """Starts emulators that share a database and a store; yields the ready document of their load balancer.

    Its requests are local, as without one: tests are the operator, and clients are not asked for a token.
    """
    arguments = (*find_services(folder).arguments, "--journal", *SERVE_ARGUMENTS)
    with running_replicas(count, folder, *arguments, forwards_for=False) as replicas:
        ready = {**replicas.programs[0].ready, "url": replicas.front.url}
        yield SimpleNamespace(**ready | {"registry": replicas.front.url.removeprefix("http://")})
