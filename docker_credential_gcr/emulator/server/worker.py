"""Worker process of a server with several: python -m docker_credential_gcr.emulator.server.worker

The supervisor (supervisor.py) writes the configuration to its standard input, a byte when the server drains,
and closes it to stop the worker.
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
from .listener import Listener, ListeningSocket
from .supervisor import SERVING, WorkerConfiguration, receive_configuration


def main() -> int:
    """Serves until the supervisor stops it or ends; returns the exit status."""
    # Signals to the process group, such as ^C, are for the supervisor, which then ends this process.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # SIGKILL of the supervisor also ends standard input, but a worker notices that only in its event loop.
    end_with_parent(signal.SIGKILL)
    try:
        configuration = receive_configuration(sys.stdin.buffer)
    except EOFError:
        return 0
    loop = new_event_loop()
    try:
        loop.run_until_complete(_serve(configuration))
    finally:
        loop.close()
    return 0


async def _serve(configuration: WorkerConfiguration) -> None:
    draining, stop = asyncio.Event(), asyncio.Event()
    watching = await _watch_input(draining, stop)
    directory = DataDirectory(configuration.data, shared=True)
    counts = WorkerCounts(directory.run_path, configuration.number)
    emulator = Emulator(configuration.settings, directory, is_stopping=draining.is_set, counts=counts)
    with closing(watching), closing(emulator):
        sockets = [
            ListeningSocket(socket.socket(fileno=descriptor), identity, site)
            for descriptor, identity, site in configuration.sockets
        ]
        listener = Listener(emulator.app, sockets, configuration.settings)
        relax_garbage_collector()
        os.write(sys.stdout.fileno(), SERVING)
        asyncio.get_running_loop().run_in_executor(None, emulator.load)
        async with emulator.dispatcher.running():
            await listener.run(stop)


async def _watch_input(draining: asyncio.Event, stop: asyncio.Event) -> asyncio.ReadTransport:
    """Sets `draining` at the byte that follows the configuration in standard input, and both at its end."""

    class Input(asyncio.Protocol):
        def data_received(self, _: bytes) -> None:
            draining.set()

        def connection_lost(self, _: Exception | None) -> None:
            draining.set()
            stop.set()

    transport, _ = await asyncio.get_running_loop().connect_read_pipe(Input, sys.stdin)
    return transport


if __name__ == "__main__":
    sys.exit(main())
