"""HTTP servers on loopback, each in a thread of the tests' process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar


class LoopbackServer(ThreadingHTTPServer):
    """A server on a free port."""

    daemon_threads = True

    def __init__(self, handler: "type[LoopbackHandler]") -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.host = f"localhost:{self.server_port}"
        self.url = f"http://{self.host}"
        # A short poll: shutdown waits for one.
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def start(self) -> None:
        """Starts to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stops serving, and frees the port."""
        self.shutdown()
        self._thread.join()
        self.server_close()


class LoopbackHandler(BaseHTTPRequestHandler):
    """Answers requests, and logs none."""

    def read_body(self) -> bytes:
        """Returns the request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def end(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Sends a whole response; an underscore in a header's name stands for a hyphen."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


AnyServer = TypeVar("AnyServer", bound=LoopbackServer)


@contextmanager
def serving(server: AnyServer) -> Iterator[AnyServer]:
    """Runs a server for the block."""
    server.start()
    try:
        yield server
    finally:
        server.close()
