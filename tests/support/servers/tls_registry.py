"""TLS registry with a certificate that no client knows."""

import ssl
from pathlib import Path

from support.keys import save_certificate
from support.servers.loopback import LoopbackHandler, LoopbackServer


class TlsRegistry(LoopbackServer):
    """A registry with a self-signed certificate, which accepts any credential."""

    def __init__(self, directory: Path) -> None:
        super().__init__(TlsHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(save_certificate(directory, "localhost"))
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.start()

    def handle_error(self, *_: object) -> None:
        """Ignores a client that closes the connection because it does not trust the certificate."""


class TlsHandler(LoopbackHandler):
    server: TlsRegistry

    def do_GET(self) -> None:
        scheme, _, _ = self.headers.get("Authorization", "").partition(" ")
        is_token = self.path.startswith("/token")
        is_known = scheme == ("Basic" if is_token else "Bearer")
        body = b'{"token": "t"}' if is_token and is_known else b"{}"
        realm = f'Bearer realm="https://{self.server.host}/token",service="{self.server.host}"'
        self.end(200 if is_known else 401, body, Www_Authenticate=realm)
