"""Refusals: what no site serves, because of a limit or the database, is answered in the form of its site."""

from typing import Any

from docker_credential_gcr.emulator.registry.app import send_error
from docker_credential_gcr.emulator.runtime.asgi import Message, Receive, Send
from docker_credential_gcr.emulator.runtime.errors import Unavailable
from docker_credential_gcr.emulator.sites.hosts import REGISTRY_PATHS


async def refuse(error: Exception, scope: Message, receive: Receive, send: Send) -> None:
    """Answers a request that no site gets, because of a limit or the database, in the form of its site."""
    path: bytes = scope["raw_path"]
    if path.startswith(REGISTRY_PATHS):
        await send_error(error, scope, receive, send)
        return
    # Imports of 8 ms, which a ready server does not need.
    answer: Any
    if isinstance(error, Unavailable) and any(name == b"metadata-flavor" for name, _ in scope["headers"]):
        from .google.metadata.responses import format_unavailable

        answer = format_unavailable(error)
    elif isinstance(error, Unavailable) and path.startswith(b"/_emulator/"):
        from .control.errors import format_error

        answer = format_error(error)
    else:
        from .google.rest.errors import find_response

        answer = find_response(error)
    await answer(scope, receive, send)
