"""Worker supervisor: starts the other workers of a server, restarts those that die, and ends them with it.

A worker is a new process. It reads its configuration from standard input, drains at the next byte there,
stops when that is closed, and writes a line to standard output when it serves. Workers share the listening
sockets and the database, nothing else.
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
from docker_credential_gcr.emulator.telemetry.worker_counts import create_files, drop_gauges

from .listener import TlsIdentity

# The number of the worker in the server's own process.
FIRST = 1
SERVING = b"serving\n"
# What a worker reads when the server drains.
_DRAIN = b"\n"
# More than the second that a worker has for its requests in progress.
_END_S = 1.5
# A worker first loads its libraries, which takes seconds on a busy machine.
_START_S = 60.0
_WORKER = (sys.executable, "-m", "docker_credential_gcr.emulator.server.worker")


class WorkerFailed(Exception):
    """A worker could not be started, or did not begin to serve."""


@dataclass(frozen=True)
class WorkerConfiguration:
    """Configuration of a worker; `sockets` holds file descriptors, each with its certificate and its site."""

    settings: Settings
    data: Path
    sockets: tuple[tuple[int, TlsIdentity | None, str | None], ...]
    number: int = FIRST


def receive_configuration(file: BinaryIO) -> WorkerConfiguration:
    """Reads the configuration that the supervisor wrote. Raises EOFError if the supervisor has ended."""
    try:
        configuration = pickle.load(file)  # noqa: S301 - from the process that started this one
    except pickle.UnpicklingError as error:
        raise EOFError from error
    assert isinstance(configuration, WorkerConfiguration)  # noqa: S101 - the other end writes nothing else
    return configuration


class RestartBackoff:
    """Back-off before a restart: none after the first death, longer after each that follows.

    A worker that lived for a minute counts as healthy.
    """

    _FIRST_S, _LONGEST_S, _HEALTHY_S = 1.0, 30.0, 60.0

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._died_at = -self._HEALTHY_S
        self._next_s = 0.0

    def find_pause(self) -> float:
        """Returns the seconds to wait after a death that happened now."""
        now = self._now()
        if now - self._died_at >= self._HEALTHY_S + self._next_s:
            self._next_s = 0.0
        pause_s, self._died_at = self._next_s, now
        self._next_s = min(max(2 * pause_s, self._FIRST_S), self._LONGEST_S)
        return pause_s


class Supervisor:
    """Runs the other workers until the block ends: `async with Supervisor(…)`.

    `command` starts a worker, which must serve within `start_s` seconds.
    """

    def __init__(
        self,
        configuration: WorkerConfiguration,
        *,
        stop: asyncio.Event,
        draining: asyncio.Event | None = None,
        command: Sequence[str] = _WORKER,
        start_s: float = _START_S,
    ) -> None:
        self._configuration = configuration
        self._run_path = DataDirectory(configuration.data, shared=True).run_path
        self._stop = stop
        self._draining = draining or stop
        self._command = command
        self._start_s = start_s
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        """Starts the workers, unless `stop` is set meanwhile. Raises WorkerFailed if one does not serve."""
        numbers = range(FIRST + 1, self._configuration.settings.workers + 1)
        ready = [asyncio.get_running_loop().create_future() for _ in numbers]
        self._tasks = [
            asyncio.ensure_future(self._supervise(number, future))
            for number, future in zip(numbers, ready, strict=True)
        ]
        try:
            await asyncio.gather(*ready)
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Ends the workers."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _supervise(self, number: int, ready: "asyncio.Future[None]") -> None:
        """Runs worker `number` until the server stops; `ready` is done when the first such process serves."""
        backoff = RestartBackoff()
        try:
            while not self._stop.is_set():
                await self._attempt(number, ready, backoff)
            if not ready.done():
                ready.set_result(None)
        except Exception as error:  # noqa: BLE001 - top of the task: only `ready` is awaited
            if ready.done():
                traceback.print_exception(error)
            else:
                ready.set_exception(error)

    async def _attempt(self, number: int, ready: "asyncio.Future[None]", backoff: RestartBackoff) -> None:
        """Runs one process until it ends. Raises WorkerFailed if the first one does not begin to serve."""
        try:
            fault = await self._run_worker(number, ready)
        except WorkerFailed as error:
            if not ready.done() and not self._stop.is_set():
                raise
            fault = str(error)
        if not self._stop.is_set():
            pause_s = backoff.find_pause()
            _say(f"{fault}: starting another" + (f" in {pause_s:g} s" if pause_s else ""))
            await self._wait_until_stop(limit_s=pause_s)

    async def _run_worker(self, number: int, ready: "asyncio.Future[None]") -> str:
        """Runs a worker; returns how it ended. Raises WorkerFailed if it did not serve."""
        process = await self._start(number)
        assert process.stdin is not None  # noqa: S101 - a pipe, see _start
        assert process.stdout is not None  # noqa: S101
        ended = asyncio.ensure_future(process.wait())
        serving = asyncio.ensure_future(process.stdout.readline())
        await self._wait_until_stop(serving, limit_s=self._start_s)
        is_late = not serving.done()
        serves = not is_late and serving.result() == SERVING
        serving.cancel()
        if serves and ready.done():
            _say(f"worker {number} serves again")
        elif serves:
            ready.set_result(None)
        if serves:
            telling = asyncio.ensure_future(self._tell_draining(process.stdin))
            await self._wait_until_stop(ended)
            telling.cancel()
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

    async def _tell_draining(self, worker: asyncio.StreamWriter) -> None:
        """Tells the worker when the server drains; not before it serves, when its configuration is read."""
        await self._draining.wait()
        worker.write(_DRAIN)

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        """Starts a worker and sends it the configuration. Raises WorkerFailed."""
        try:
            create_files(self._run_path, number)
            process = await asyncio.create_subprocess_exec(
                *self._command,
                pass_fds=[descriptor for descriptor, *_ in self._configuration.sockets],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # Without this Python imports modules from the current directory.
                env={**os.environ, "PYTHONSAFEPATH": "1"},
            )
        # RuntimeError: before Python 3.12 asyncio starts a thread for each process, which may fail.
        except (OSError, RuntimeError) as error:
            reason = format_os_error(error) if isinstance(error, OSError) else error
            raise WorkerFailed(f"worker {number} cannot be started: {reason}") from error
        assert process.stdin is not None  # noqa: S101 - a pipe, see _start
        process.stdin.write(pickle.dumps(replace(self._configuration, number=number)))
        return process

    async def _wait_until_stop(self, *work: "asyncio.Future[Any]", limit_s: float | None = None) -> None:
        """Waits for the work, at most `limit_s` seconds, and only until the server is told to stop."""
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({stopping, *work}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()


def _say(text: str) -> None:
    print(f"gcr-emulator: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the program's stderr
