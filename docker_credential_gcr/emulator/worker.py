"""A worker beside the first: python -m docker_credential_gcr.emulator.worker DESCRIPTOR

DESCRIPTOR is the socket to the first worker, which says what to do (crew.py) and whose end is this one's.
"""

import asyncio
import signal
import socket
import sys
from contextlib import closing

from .crew import Order, open_doors, receive_order
from .cycles import search_less
from .data_directory import DataDirectory
from .emulator import Emulator
from .listener import Listener
from .parents import end_with_parent
from .peers import Other
from .server import new_event_loop


def main(arguments: list[str]) -> int:
    """Serve until the first worker ends the conversation; the exit status."""
    # A ^C and a `kill` of the whole group are for the first worker, which then ends this one.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # The end of the conversation says so too, but only to a worker that listens.
    end_with_parent(signal.SIGKILL)
    end = socket.socket(fileno=int(arguments[0]))
    try:
        order = receive_order(end)
    except EOFError:
        return 0
    loop = new_event_loop()
    try:
        loop.run_until_complete(_serve(order, end))
    finally:
        loop.close()
    return 0


async def _serve(order: Order, end: socket.socket) -> None:
    peers = Other()
    told, stop = asyncio.Event(), asyncio.Event()
    emulator = Emulator(
        order.settings,
        DataDirectory(order.data, shared=True),
        peers,
        is_stopping=stop.is_set,
    )
    with closing(emulator):
        listener = Listener(emulator.app, open_doors(order.doors), order.settings.limits)

        async def serve(_: object) -> None:
            told.set()

        peers.handlers["serve"] = serve
        end.setblocking(False)
        channel = await peers.join(end)
        ended, begun = (asyncio.ensure_future(event.wait()) for event in (channel.closed, told))
        ended.add_done_callback(lambda _: stop.set())
        await asyncio.wait({begun, ended}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if not ended.done():
            search_less()
            await listener.run(stop)
        await channel.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
