"""Client connections, which Granian does not expose: found by the client's address."""

import os
import socket

_DESCRIPTORS = "/dev/fd"


def end_connection(client: tuple[str, object]) -> None:
    """Shuts down this process's connection to the client's address and port, if there is one.

    Granian passes the port as a string.
    """
    address, port = client
    for name in os.listdir(_DESCRIPTORS):
        try:
            # A duplicate descriptor: no other thread closes it, so its number cannot be reused meanwhile.
            connection = socket.socket(fileno=os.dup(int(name)))
        except OSError:  # closed meanwhile, or not a socket
            continue
        with connection:
            try:
                found = connection.getpeername()
                if found and found[:2] == (address, int(str(port))):
                    connection.shutdown(socket.SHUT_RDWR)
                    return
            except OSError:  # not connected
                continue
