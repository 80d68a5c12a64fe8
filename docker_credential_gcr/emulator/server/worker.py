"""A worker of a server with several: python -m docker_credential_gcr.emulator.server.worker

The supervisor (supervisor.py) writes the order to its standard input, and closes that when it is to stop.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import closing

from docker_credential_gcr.emulator.app import Emulator
from docker_credential_gcr.emulator.data_directory import DataDirectory
from docker_credential_gcr.emulator.runtime.prctl import end_with_parent
from docker_credential_gcr.emulator.runtime.process_limits import relax_garbage_collector
from docker_credential_gcr.emulator.telemetry.worker_counts import WorkerCounts

from .lifecycle import new_event_loop
from .listener import Door, Listener
from .supervisor import SERVING, Order, receive_order


def main() -> int:
    """Serve until the supervisor says so, or is gone; the exit status."""
    # A ^C and a `kill` of the whole group are for the supervisor, which then ends this process.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # The end of standard input says so too, but only to a worker that listens.
    end_with_parent(signal.SIGKILL)
    try:
        order = receive_order(sys.stdin.buffer)
    except EOFError:
        return 0
    loop = new_event_loop()
    try:
        loop.run_until_complete(_serve(order))
    finally:
        loop.close()
    return 0


async def _serve(order: Order) -> None:
    stop = asyncio.Event()
    watching = await _watch_input(stop)
    directory = DataDirectory(order.data, shared=True)
    counts = WorkerCounts(directory.run_path, order.number)
    emulator = Emulator(order.settings, directory, is_stopping=stop.is_set, counts=counts)
    with closing(watching), closing(emulator):
        doors = [
            Door(socket.socket(fileno=descriptor), identity, site)
            for descriptor, identity, site in order.doors
        ]
        listener = Listener(emulator.app, doors, order.settings.limits)
        relax_garbage_collector()
        os.write(sys.stdout.fileno(), SERVING)
        asyncio.get_running_loop().run_in_executor(None, emulator.load)
        await listener.run(stop)


async def _watch_input(stop: asyncio.Event) -> asyncio.ReadTransport:
    """Sets `stop` when standard input ends, which nothing follows the order in."""

    class Input(asyncio.Protocol):
        def connection_lost(self, _: Exception | None) -> None:
            stop.set()

    transport, _ = await asyncio.get_running_loop().connect_read_pipe(Input, sys.stdin)
    return transport


if __name__ == "__main__":
    sys.exit(main())
