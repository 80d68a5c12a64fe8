"""A proxy that ends TLS: clients reach it by https, and the server behind it sees http and another Host."""

import http.client
import ssl
from pathlib import Path

from support.keys import save_certificate
from support.servers.loopback import LoopbackHandler, LoopbackServer

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class TlsProxy(LoopbackServer):
    """A load balancer with a certificate for localhost, `ca`, that forwards to `target`, HOST:PORT."""

    def __init__(self, directory: Path) -> None:
        super().__init__(TlsProxyHandler)
        self.target = ""
        self.ca = save_certificate(directory, "localhost")
        self.url = f"https://{self.host}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)


class TlsProxyHandler(LoopbackHandler):
    server: TlsProxy

    def do_GET(self) -> None:
        """Passes a request on, with the address of the client, and its response back."""
        body = self.read_body()
        connection = http.client.HTTPConnection(self.server.target, timeout=60)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        forwarded = {"Host": self.server.target, "X-Forwarded-For": self.client_address[0]}
        connection.request(self.command, self.path, body, {**kept, **forwarded})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", response.getheader("Content-Length") or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_DELETE = do_HEAD = do_PATCH = do_POST = do_PUT = do_GET
