"""Draining: while the server stops, each response ends its connection, so that clients connect elsewhere."""

from collections.abc import Awaitable, Callable

from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send

_CLOSE = (b"connection", b"close")


def close_connections(app: App, *, is_draining: Callable[[], bool]) -> App:
    """Returns `app` with `Connection: close` in the responses that begin while the server drains.

    Not in those of HTTP/2, which has no such header: a client notices the end of its connection.
    """

    # Plain functions, as those of the other layers.
    def closing(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        def send_closing(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start" and is_draining():
                others = [header for header in message["headers"] if header != _CLOSE]
                message["headers"] = [*others, _CLOSE]
            return send(message)

        return app(scope, receive, send_closing if scope["http_version"].startswith("1") else send)

    return closing
