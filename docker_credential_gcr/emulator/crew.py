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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .channel import AskFailed, Channel, ChannelClosed
from .listener import Door
from .peers import First
from .settings import Settings
from .tls_files import Identity

_SIZE = struct.Struct(">I")
# They have a second to end their requests, as the first worker has.
_END_S = 1.5
# One that cannot start is not tried again and again without a pause.
_PAUSE_S = 1.0


class WorkerFailed(Exception):
    """A worker ended before it served."""


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

    They are told the `settings` of control, words and values, before they serve.
    """

    def __init__(
        self,
        order: Order,
        first: First,
        *,
        settings: Callable[[], list[tuple[str, object]]],
        stop: asyncio.Event,
    ) -> None:
        self._order = order
        self._first = first
        self._settings = settings
        self._stop = stop
        self._keeping: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        """Start them; raises WorkerFailed when one does not come to serve."""
        numbers = range(2, self._order.settings.workers + 1)
        begun = [asyncio.get_running_loop().create_future() for _ in numbers]
        self._keeping = [
            asyncio.ensure_future(self._keep(number, ready))
            for number, ready in zip(numbers, begun, strict=True)
        ]
        try:
            await asyncio.gather(*begun)
        except WorkerFailed:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        """End them."""
        self._stop.set()
        await asyncio.gather(*self._keeping)

    async def _keep(self, number: int, ready: "asyncio.Future[None]") -> None:
        """Have a worker of that number until the server stops; `ready` is when the first of them serves."""
        while not self._stop.is_set():
            process, channel = await self._start()
            serves = await self._bring_in(channel)
            if serves and ready.done():
                _say(f"worker {number} serves again")
            elif serves:
                ready.set_result(None)
            status = await self._wait(process, channel)
            if self._stop.is_set():
                break
            if not ready.done():
                ready.set_exception(WorkerFailed(f"worker {number} ended with {status} before it served"))
                return
            _say(f"worker {number} ended with {status}: starting another")
            if not serves:
                await asyncio.wait({asyncio.ensure_future(self._stop.wait())}, timeout=_PAUSE_S)
        if not ready.done():
            ready.set_result(None)

    async def _start(self) -> tuple[asyncio.subprocess.Process, Channel]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "docker_credential_gcr.emulator.worker", str(theirs.fileno())),
                pass_fds=[theirs.fileno(), *(descriptor for descriptor, *_ in self._order.doors)],
                # Nothing but the ready document is ever on stdout.
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                # What lies in the current directory is not the library.
                env={**os.environ, "PYTHONSAFEPATH": "1"},
            )
        send_order(ours, self._order)
        ours.setblocking(False)
        return process, await self._first.welcome(ours)

    async def _bring_in(self, channel: Channel) -> bool:
        """Tell a new worker how things are and have it serve; False when it ended meanwhile."""
        try:
            for word, value in self._settings():
                await channel.ask(word, value)
            await channel.ask("serve")
        except (ChannelClosed, AskFailed):
            return False
        return True

    async def _wait(self, process: asyncio.subprocess.Process, channel: Channel) -> int:
        """The status of a worker that ended, or was ended for the server stops."""
        ended = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await self._first.dismiss(channel)
        await asyncio.wait({ended}, timeout=_END_S)
        if not ended.done():
            process.kill()
        return await ended


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
