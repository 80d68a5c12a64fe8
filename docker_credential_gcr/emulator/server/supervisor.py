"""Starts the other workers of a server, restarts those that die, and ends them with the server.

A worker is a fresh process. Its standard input brings the order, and ends when it is to stop; a line of its
standard output says that it serves. Workers share the listening sockets and the database, nothing else.
"""

import asyncio
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from docker_credential_gcr.emulator.data_directory import DataDirectory
from docker_credential_gcr.emulator.runtime.files import format_os_error
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.telemetry.worker_counts import drop_gauges, make_files

from .tls_files import Identity

# The number of the worker that is the serving process itself.
FIRST = 1
SERVING = b"serving\n"
# A worker has a second to end its requests, as the first one has.
_END_S = 1.5
# A worker loads its libraries first, which takes seconds on a busy machine.
_START_S = 60.0
_WORKER = (sys.executable, "-m", "docker_credential_gcr.emulator.server.worker")


class WorkerFailed(Exception):
    """A worker could not be started, or did not begin to serve."""


@dataclass(frozen=True)
class Order:
    """What a worker is told: a door is a socket's descriptor, what it shows under TLS, and its site."""

    settings: Settings
    data: Path
    doors: tuple[tuple[int, Identity | None, str | None], ...]
    number: int = FIRST


def receive_order(file: BinaryIO) -> Order:
    """Returns what the supervisor wrote; raises EOFError when it is gone."""
    try:
        order = pickle.load(file)  # noqa: S301 - from the process that started this one
    except pickle.UnpicklingError as error:
        raise EOFError from error
    assert isinstance(order, Order)  # noqa: S101 - the other end writes nothing else
    return order


class Pauses:
    """How long to wait before a restart: not at all after the first death, longer after each that follows.

    A worker that lived for a minute counts as sound.
    """

    _FIRST_S, _LONGEST_S, _SOUND_S = 1.0, 30.0, 60.0

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._died_at = -self._SOUND_S
        self._next_s = 0.0

    def choose(self) -> float:
        """Returns the seconds to wait after a death that happened now."""
        now = self._now()
        if now - self._died_at >= self._SOUND_S + self._next_s:
            self._next_s = 0.0
        pause_s, self._died_at = self._next_s, now
        self._next_s = min(max(2 * pause_s, self._FIRST_S), self._LONGEST_S)
        return pause_s


class Supervisor:
    """`async with Supervisor(…)`: the other workers serve; when the block ends, so do they.

    `command` starts one. It gets `start_s` seconds until it serves.
    """

    def __init__(
        self,
        order: Order,
        *,
        stop: asyncio.Event,
        command: Sequence[str] = _WORKER,
        start_s: float = _START_S,
    ) -> None:
        self._order = order
        self._run_path = DataDirectory(order.data, shared=True).run_path
        self._stop = stop
        self._command = command
        self._start_s = start_s
        self._keeping: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        """Starts them, unless `stop` is set meanwhile. Raises WorkerFailed when one does not serve."""
        numbers = range(FIRST + 1, self._order.settings.workers + 1)
        begun = [asyncio.get_running_loop().create_future() for _ in numbers]
        self._keeping = [
            asyncio.ensure_future(self._keep(number, ready))
            for number, ready in zip(numbers, begun, strict=True)
        ]
        try:
            await asyncio.gather(*begun)
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Ends them."""
        self._stop.set()
        await asyncio.gather(*self._keeping)

    async def _keep(self, number: int, ready: "asyncio.Future[None]") -> None:
        """Has a worker of that number until the server stops; `ready` is when the first of them serves."""
        pauses = Pauses()
        try:
            while not self._stop.is_set():
                await self._attempt(number, ready, pauses)
            if not ready.done():
                ready.set_result(None)
        except Exception as error:  # noqa: BLE001 - the rim of the task: only `ready` is waited for
            if ready.done():
                traceback.print_exception(error)
            else:
                ready.set_exception(error)

    async def _attempt(self, number: int, ready: "asyncio.Future[None]", pauses: Pauses) -> None:
        """Has one worker until it ends. Raises WorkerFailed where the first does not begin to serve."""
        try:
            fault = await self._run_worker(number, ready)
        except WorkerFailed as error:
            if not ready.done() and not self._stop.is_set():
                raise
            fault = str(error)
        if not self._stop.is_set():
            pause_s = pauses.choose()
            _say(f"{fault}: starting another" + (f" in {pause_s:g} s" if pause_s else ""))
            await self._until_stop(limit_s=pause_s)

    async def _run_worker(self, number: int, ready: "asyncio.Future[None]") -> str:
        """Returns how a worker ended that served. Raises WorkerFailed for one that did not."""
        process = await self._start(number)
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stdout is not None  # noqa: S101
        ended = asyncio.ensure_future(process.wait())
        serving = asyncio.ensure_future(process.stdout.readline())
        await self._until_stop(serving, limit_s=self._start_s)
        is_late = not serving.done()
        serves = not is_late and serving.result() == SERVING
        serving.cancel()
        if serves and ready.done():
            _say(f"worker {number} serves again")
        elif serves:
            ready.set_result(None)
        if serves:
            await self._until_stop(ended)
        process.stdin.close()
        await asyncio.wait({ended}, timeout=_END_S)
        if not ended.done():
            process.kill()
        fault = f"worker {number} ended with {await ended}"
        drop_gauges(self._run_path, number)
        if is_late:
            raise WorkerFailed(f"worker {number} did not answer within {self._start_s:g} s")
        if not serves:
            raise WorkerFailed(f"{fault} before it served")
        return fault

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        """Starts a worker and gives it the order. Raises WorkerFailed."""
        try:
            make_files(self._run_path, number)
            process = await asyncio.create_subprocess_exec(
                *self._command,
                pass_fds=[descriptor for descriptor, *_ in self._order.doors],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # What lies in the current directory is not the library.
                env={**os.environ, "PYTHONSAFEPATH": "1"},
            )
        # Before Python 3.12 asyncio starts a thread for each process, which may fail too.
        except (OSError, RuntimeError) as error:
            reason = format_os_error(error) if isinstance(error, OSError) else error
            raise WorkerFailed(f"worker {number} cannot be started: {reason}") from error
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.write(pickle.dumps(replace(self._order, number=number)))
        return process

    async def _until_stop(self, *work: "asyncio.Future[Any]", limit_s: float | None = None) -> None:
        """Waits for the work, for `limit_s` seconds at most, and not after the server was told to stop."""
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({stopping, *work}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()


def _say(text: str) -> None:
    print(f"gcr-emulator: {text}", file=sys.stderr, flush=True)  # noqa: T201 - for the person at the terminal
