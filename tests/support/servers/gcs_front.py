"""Cloud Storage's XML API in front of an S3 server: renames the headers that differ, and drops credentials.

obstore speaks that API to gs://. No server in a package index has it, and S3's differs little.
https://cloud.google.com/storage/docs/xml-api/overview
"""

import http.client
from urllib.parse import urlsplit

from support.child_processes import LIMIT_S
from support.servers.loopback import LoopbackHandler, LoopbackServer


class GcsFront(LoopbackServer):
    """Front of the server at `backend`, whose bucket anyone may use; notes what it was asked."""

    def __init__(self, backend: str) -> None:
        super().__init__(_Handler)
        self.backend = urlsplit(backend).netloc
        # Method, path and headers in lower case.
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    def handle_error(self, *_: object) -> None:
        """Ignores a client that closes its connection before the answer."""


class _Handler(LoopbackHandler):
    server: GcsFront
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, dict(headers)))
        body = self.read_body()
        for name in ("authorization", "host", "content-length"):
            headers.pop(name, None)
        if headers.pop("x-goog-if-generation-match", None) == "0":
            headers["if-none-match"] = "*"
        connection = http.client.HTTPConnection(self.server.backend, timeout=LIMIT_S)
        try:
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            self._forward(response, response.read())
        finally:
            connection.close()

    do_DELETE = do_HEAD = do_POST = do_PUT = do_GET

    def _forward(self, response: http.client.HTTPResponse, body: bytes) -> None:
        self.send_response(response.status)
        size = str(len(body))
        for name, value in response.getheaders():
            if name.lower() == "content-length" and self.command == "HEAD":
                size = value
            elif name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", size)
        self.end_headers()
        self.wfile.write(body)
