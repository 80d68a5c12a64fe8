"""A server with one answer, which may be bytes that no real server sends."""

import socket
import threading
from contextlib import suppress

LIMIT_S = 60


class OneConnection:
    """A server of one connection: who closes it early leaves no thread behind."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def talk(self, connection: socket.socket) -> None:
        """Reads and answers; an error of the connection ends it."""
        raise NotImplementedError

    def _serve(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(LIMIT_S)
                self.talk(connection)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which a close alone does not
        self._thread.join(LIMIT_S)
        self._listener.close()


class OneAnswer(OneConnection):
    """A server that reads one request, answers with the bytes and closes the connection."""

    def __init__(self, data: bytes) -> None:
        self.got = b""
        self._data = data
        super().__init__()

    def talk(self, connection: socket.socket) -> None:
        while not _is_whole(self.got):
            self.got += connection.recv(65536)
        connection.sendall(self._data)

    def take_request(self) -> tuple[str, dict[str, str], bytes]:
        """Returns the request's first line, its headers by name in lower case, and its body."""
        self._thread.join(LIMIT_S)
        head, _, body = self.got.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return (
            first,
            {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)},
            body,
        )


def _is_whole(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return bool(found) and len(body) >= int(size or 0)
