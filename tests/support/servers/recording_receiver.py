"""A receiver of notifications that outlives the emulator, and records every request that came complete.

receiver = RecordingReceiver()
receiver.url("fast")                  # one path for each subscriber
receiver.statuses["fast"] = 500       # its answers from now on, 200 by default
receiver.hang("slow")                 # no answer until release("slow")
receiver.wait("fast", lambda bodies: len(bodies) == 3)
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LIMIT_S = 60


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # After a restart of the emulator many connections come at once.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Writes nothing: the emulator was killed before it read the answer."""


class RecordingReceiver:
    """Records the bodies of the requests to each path, in the order in which they came.

    With `is_listening` False connections are refused until `listen`.
    """

    def __init__(self, *, is_listening: bool = True) -> None:
        self.statuses: defaultdict[str, int] = defaultdict(lambda: 200)
        self._bodies: defaultdict[str, list[bytes]] = defaultdict(list)
        self._accepted: defaultdict[str, list[bytes]] = defaultdict(list)
        self._hanging: set[str] = set()
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._receive(self)

            def log_message(self, *_: Any) -> None:
                """Writes nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
        # The port is this receiver's also while nothing listens on it.
        self._server.server_bind()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        if is_listening:
            self.listen()

    def listen(self) -> None:
        """Accepts connections, which were refused before."""
        self._server.server_activate()
        self._thread.start()

    def url(self, path: str) -> str:
        """Returns the URL of a subscriber."""
        return f"http://127.0.0.1:{self._server.server_port}/{path}"

    def read(self, path: str) -> list[bytes]:
        """Returns what has come to that path."""
        with self._changed:
            return list(self._bodies[path])

    def read_accepted(self, path: str) -> list[bytes]:
        """Returns what was answered with 200."""
        with self._changed:
            return list(self._accepted[path])

    def wait(self, path: str, is_complete: Callable[[list[bytes]], bool]) -> bool:
        """Waits until what came to the path is complete; returns False after a minute without any request."""
        with self._changed:
            while not is_complete(self._bodies[path]):
                if not self._changed.wait(LIMIT_S):
                    return False
        return True

    def hang(self, path: str) -> None:
        """Answers no request of the path."""
        with self._changed:
            self._hanging.add(path)

    def release(self, path: str) -> None:
        """Answers the requests that wait, and later ones."""
        with self._changed:
            self._hanging.discard(path)
            self._changed.notify_all()

    def close(self) -> None:
        """Ends; the requests that wait are answered."""
        with self._changed:
            self._hanging.clear()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _receive(self, handler: BaseHTTPRequestHandler) -> None:
        size, path = int(handler.headers["Content-Length"]), handler.path.removeprefix("/")
        body = handler.rfile.read(size)
        if len(body) < size:  # the emulator was killed while it sent the request
            return
        with self._changed:
            self._bodies[path].append(body)
            self._changed.notify_all()
            self._changed.wait_for(lambda: path not in self._hanging)
            status = self.statuses[path]
            if status == 200:
                self._accepted[path].append(body)
                self._changed.notify_all()
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
