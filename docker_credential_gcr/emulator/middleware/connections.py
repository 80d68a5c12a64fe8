"""Connections of clients, which the HTTP server below keeps to itself: found by the client's address."""

import os
import socket

_DESCRIPTORS = "/dev/fd"


def end_connection(client: tuple[str, object]) -> None:
    """Ends the connection of the client at that address and port, if this process has it.

    Granian names a port by its digits.
    """
    address, port = client
    for name in os.listdir(_DESCRIPTORS):
        try:
            # Of a duplicate, which nothing else closes, so that no other connection takes its number.
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
