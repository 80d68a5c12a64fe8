"""A receiver of pushed messages, which records them."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

LIMIT_S = 60


class PushedRequest(NamedTuple):
    """A request that came; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class PushReceiver:
    """Answers 200, or the next of the statuses that a test has set; /hang waits for two others.

    `location` is where the answers lead.
    """

    def __init__(self, location: str | None = None) -> None:
        self.statuses: list[int] = []
        self._location = location
        self.requests: list[PushedRequest] = []
        self._arrived: queue.Queue[PushedRequest] = queue.Queue()
        self._others = threading.Semaphore(0)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.receive(self)

            def log_message(self, *_: Any) -> None:
                """Writes nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def receive(self, handler: BaseHTTPRequestHandler) -> None:
        """Records a request, and answers it."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        if handler.path == "/hang":
            for _ in range(2):
                assert self._others.acquire(timeout=LIMIT_S)
        request = PushedRequest(handler.path, headers, body)
        self.requests.append(request)
        self._arrived.put(request)
        status = self.statuses.pop(0) if self.statuses else 200
        handler.send_response(status)
        if status >= 200:
            handler.send_header("Content-Length", "0")
        if self._location is not None:
            handler.send_header("Location", self._location)
        handler.end_headers()
        if handler.path != "/hang":
            self._others.release()

    def take(self) -> list[PushedRequest]:
        """Returns the requests since the last time."""
        taken, self.requests = self.requests, []
        return taken

    def wait(self) -> PushedRequest:
        """Returns the next request, also one that is still to come."""
        return self._arrived.get(timeout=LIMIT_S)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
