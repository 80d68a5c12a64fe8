"""A stub in place of a Pub/Sub emulator by Google: topics in memory, and what is published there.

with closing(PubSubStub()) as pubsub:
    pubsub.address               # ("127.0.0.1", PORT)
    pubsub.create_topic("my-project")
    pubsub.wait()                # ("projects/my-project/topics/gcr", the message's document)
    pubsub.asked                 # ["POST …:publish", "PUT …"]

Its answers are those of version 0.8.20, also to a request without `Content-Type: application/json`.
"""

import base64
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LIMIT_S = 60
_ERRORS = {
    404: {"code": 404, "message": "Topic not found", "status": "NOT_FOUND"},
    409: {"code": 409, "message": "Topic already exists", "status": "ALREADY_EXISTS"},
}


class PubSubStub:
    """Answers by what it has, or the next of `statuses` that is not 0."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.statuses: list[int] = []
        self.asked: list[str] = []
        self._published: queue.Queue[tuple[str, Any]] = queue.Queue()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stub.receive(self)

            do_PUT = do_POST

            def log_message(self, *_: Any) -> None:
                """Writes nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = ("127.0.0.1", self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def create_topic(self, project: str) -> None:
        """Creates the topic gcr of a project."""
        self.topics.add(f"projects/{project}/topics/gcr")

    def wait(self) -> tuple[str, Any]:
        """Returns the topic and the document of the next message, also one that is still to come."""
        return self._published.get(timeout=LIMIT_S)

    def take(self) -> list[tuple[str, Any]]:
        """Returns what was published since the last time."""
        return [self._published.get_nowait() for _ in range(self._published.qsize())]

    def receive(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers a request."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.asked.append(f"{handler.command} {handler.path}")
        status = self.statuses.pop(0) if self.statuses else 0
        if handler.headers["Content-Type"] != "application/json" or not handler.path.startswith("/v1/"):
            self._answer(handler, 404, b"Not Found")
            return
        status = status or self._find_status(handler.command, handler.path.removeprefix("/v1/"), body)
        document = {"error": _ERRORS[status]} if status in _ERRORS else {}
        self._answer(handler, status, json.dumps(document).encode())

    def _find_status(self, method: str, path: str, body: bytes) -> int:
        topic = path.removesuffix(":publish")
        if method == "PUT":
            is_new = topic not in self.topics
            self.topics.add(topic)
            return 200 if is_new else 409
        if topic not in self.topics:
            return 404
        (message,) = json.loads(body)["messages"]
        assert message.keys() == {"data"}
        self._published.put((topic, json.loads(base64.b64decode(message["data"]))))
        return 200

    def _answer(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
