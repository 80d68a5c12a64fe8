"""Free ports for servers that cannot bind port 0 themselves."""

import os
import random
import socket

# Below the ports that the kernel gives to outgoing connections, one of which could take a chosen port first.
_FIRST, _STOP = 10_000, 32_768
# Each worker of pytest-xdist (gw0, gw1, …) has ports of its own, so that none takes what another has chosen.
_WORKERS = 16
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS


def choose_ports(count: int) -> list[int]:
    """Returns different ports of 127.0.0.1 that were free a moment ago."""
    held: list[socket.socket] = []
    try:
        own = range(_FIRST + _WORKER, _STOP, _WORKERS)
        for port in random.sample(own, len(own)):
            if len(held) == count:
                break
            listener = socket.socket()
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                listener.close()
            else:
                held.append(listener)
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()
