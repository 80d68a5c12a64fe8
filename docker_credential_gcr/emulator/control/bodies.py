"""Reads the bodies of requests to /_emulator/."""

import json

from starlette.requests import ClientDisconnect, Request

_LIMIT = 1024 * 1024


class InvalidBody(ValueError):
    """The request's body is not what this resource takes."""


async def load(request: Request, default: bytes = b"") -> object:
    """The body's JSON; that of `default` where there is no body. Raises InvalidBody."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LIMIT:
                raise InvalidBody(f"the body is larger than {_LIMIT} bytes")
    except ClientDisconnect as error:
        raise InvalidBody("the body did not arrive whole") from error
    try:
        return json.loads(body or default)
    except (ValueError, RecursionError) as error:
        raise InvalidBody("the body is not JSON") from error
