"""The other workers of a server: started, started anew when one ends, and ended with the first.

A worker is a process that begins with nothing but a socket to the first one and the listening sockets.
It ends when that conversation does, so none outlives the first worker, whatever ends it.
"""

import asyncio
import os
import pickle
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .channel import AskFailed, Channel, ChannelClosed
from .file_access import format_fault
from .listener import Door
from .peers import First
from .settings import Settings
from .tls_files import Identity

_SIZE = struct.Struct(">I")
# They have a second to end their requests, as the first worker has.
_END_S = 1.5
# A worker that cannot start is not tried again and again without a pause.
_PAUSE_S = 1.0
# A worker loads its libraries first, which takes seconds on a busy machine.
_START_S = 60.0
_WORKER = (sys.executable, "-m", "docker_credential_gcr.emulator.worker")


class WorkerFailed(Exception):
    """A worker could not be started, or did not begin to serve."""


@dataclass(frozen=True)
class Order:
    """What a worker is told when it begins; a door is a socket's descriptor, what it shows, and its site."""

    settings: Settings
    data: Path
    doors: tuple[tuple[int, Identity | None, str | None], ...]


def send_order(end: socket.socket, order: Order) -> None:
    """Tell a worker what to do."""
    data = pickle.dumps(order)
    end.sendall(_SIZE.pack(len(data)) + data)


def receive_order(end: socket.socket) -> Order:
    """What the first worker says; raises EOFError when it is gone."""
    with end.makefile("rb", buffering=0) as file:
        (size,) = _SIZE.unpack(_read(file.read, _SIZE.size))
        order = pickle.loads(_read(file.read, size))  # noqa: S301 - from the process that started this one
    assert isinstance(order, Order)  # noqa: S101 - the other end is send_order
    return order


class Crew:
    """`async with Crew(…)`: all the others serve; when the block ends, so do they.

    They are told the `settings` of control, words and values, before they serve. `command` starts one,
    with its end of the conversation as the last argument; it gets `start_s` seconds until it serves.
    """

    def __init__(
        self,
        order: Order,
        first: First,
        *,
        settings: Callable[[], list[tuple[str, object]]],
        stop: asyncio.Event,
        command: Sequence[str] = _WORKER,
        start_s: float = _START_S,
    ) -> None:
        self._order = order
        self._first = first
        self._settings = settings
        self._stop = stop
        self._command = command
        self._start_s = start_s
        self._keeping: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        """Start them, unless `stop` is set meanwhile; raises WorkerFailed when one does not begin to."""
        numbers = range(2, self._order.settings.workers + 1)
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
        """End them."""
        self._stop.set()
        await asyncio.gather(*self._keeping)

    async def _keep(self, number: int, ready: "asyncio.Future[None]") -> None:
        """Have a worker of that number until the server stops; `ready` is when the first of them serves."""
        try:
            while not self._stop.is_set():
                await self._attempt(number, ready)
            if not ready.done():
                ready.set_result(None)
        except Exception as error:  # noqa: BLE001 - the rim of the task: only `ready` is waited for
            if ready.done():
                traceback.print_exception(error)
            else:
                ready.set_exception(error)

    async def _attempt(self, number: int, ready: "asyncio.Future[None]") -> None:
        """Have one worker until it ends. Raises WorkerFailed where the first does not begin to serve."""
        pause_s = 0.0
        try:
            fault = await self._run_worker(number, ready)
        except WorkerFailed as error:
            if not ready.done() and not self._stop.is_set():
                raise
            fault, pause_s = str(error), _PAUSE_S
        if not self._stop.is_set():
            _say(f"{fault}: starting another")
            await self._until_stop(limit_s=pause_s)

    async def _run_worker(self, number: int, ready: "asyncio.Future[None]") -> str:
        """How a worker ended that served. Raises WorkerFailed for one that did not."""
        process, channel = await self._start(number)
        ended = asyncio.ensure_future(process.wait())
        bringing = asyncio.ensure_future(self._bring_in(channel))
        await self._until_stop(bringing, limit_s=self._start_s)
        is_late = not bringing.done()
        serves = not is_late and bringing.result()
        if serves and ready.done():
            _say(f"worker {number} serves again")
        elif serves:
            ready.set_result(None)
        if serves:
            await self._until_stop(ended)
        await self._first.dismiss(channel)
        await asyncio.wait({ended}, timeout=_END_S)
        if not ended.done():
            process.kill()
        fault = f"worker {number} ended with {await ended}"
        if is_late:
            raise WorkerFailed(f"worker {number} did not answer within {self._start_s:g} s")
        if not serves:
            raise WorkerFailed(f"{fault} before it served")
        return fault

    async def _start(self, number: int) -> tuple[asyncio.subprocess.Process, Channel]:
        """Start a worker. Raises WorkerFailed."""
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    send_order(ours, self._order)
                    process = await self._execute(theirs.fileno())
                    ours.setblocking(False)
                    return process, await self._first.welcome(ours)
                except BaseException:
                    ours.close()
                    raise
        # Before Python 3.12 asyncio starts a thread for each process, which may fail too.
        except (OSError, RuntimeError) as error:
            reason = format_fault(error) if isinstance(error, OSError) else error
            raise WorkerFailed(f"worker {number} cannot be started: {reason}") from error

    async def _execute(self, end: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(*self._command, str(end)),
            pass_fds=[end, *(descriptor for descriptor, *_ in self._order.doors)],
            # Nothing but the ready document is ever on stdout.
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            # What lies in the current directory is not the library.
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )

    async def _bring_in(self, channel: Channel) -> bool:
        """Tell a new worker how things are and have it serve; False when it ended meanwhile."""
        try:
            for word, value in self._settings():
                await channel.ask(word, value)
            await channel.ask("serve")
        except (ChannelClosed, AskFailed):
            return False
        return True

    async def _until_stop(self, *work: "asyncio.Future[Any]", limit_s: float | None = None) -> None:
        """Wait for the work, for `limit_s` seconds at most, and not after the server was told to stop."""
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({stopping, *work}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()


def _read(read: Callable[[int], bytes | None], size: int) -> bytes:
    data = b""
    while len(data) < size:
        block = read(size - len(data))
        if not block:
            raise EOFError
        data += block
    return data


def _say(text: str) -> None:
    print(f"gcr-emulator: {text}", file=sys.stderr, flush=True)  # noqa: T201 - for the person at the terminal


def open_doors(doors: Sequence[tuple[int, Identity | None, str | None]]) -> list[Door]:
    """The doors of an order, in the process that got their descriptors."""
    return [Door(socket.socket(fileno=descriptor), identity, site) for descriptor, identity, site in doors]
