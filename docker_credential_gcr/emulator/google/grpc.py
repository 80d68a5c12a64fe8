"""gRPC refusal: tells a client library with Google's default transport to use REST.

https://github.com/grpc/grpc/blob/v1.74.0/doc/PROTOCOL-HTTP2.md (Trailers-Only)
"""

from collections.abc import Awaitable

from docker_credential_gcr.emulator.request_context import note_reason
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send

# Not application/grpc-web, which browsers send.
_CONTENT_TYPES = ("application/grpc", "application/grpc+proto", "application/grpc+json")
_UNIMPLEMENTED = b"12"
# ASCII without a percent sign: grpc-message is percent-encoded.
_MESSAGE = (
    "gcr-emulator does not serve gRPC: create the client with its REST transport, "
    'transport="rest" in Python, fallback: true in Node, NewRESTClient in Go'
)
_HEADERS = [
    (b"content-type", b"application/grpc"),
    (b"grpc-status", _UNIMPLEMENTED),
    (b"grpc-message", _MESSAGE.encode("ascii")),
]


def refuse_grpc(app: App) -> App:
    """Returns an app that refuses gRPC requests, in gRPC's form, and passes all others to `app`."""

    # A plain function: a coroutine would cost every request time.
    def refusing(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "POST" and _is_grpc(scope):
            return _refuse(send)
        return app(scope, receive, send)

    return refusing


def _is_grpc(scope: Message) -> bool:
    for name, value in scope["headers"]:
        if name == b"content-type":
            return value.decode("latin-1").partition(";")[0].strip().lower() in _CONTENT_TYPES
    return False


async def _refuse(send: Send) -> None:
    note_reason(_MESSAGE)
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b""})
