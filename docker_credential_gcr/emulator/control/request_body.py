"""Reads the bodies of requests to /_emulator/."""

import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from docker_credential_gcr.emulator.runtime import strict_json

_LIMIT = 1024 * 1024
_CLOCK_FORM = 'expected {"now": SECONDS} or {"offset_s": SECONDS}'
_LAST_INSTANT = 2**37


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
        return strict_json.decode(body or default)
    except strict_json.InvalidJson as error:
        raise InvalidBody(f"the body is not JSON: {error}") from error


def parse_clock(document: object, machine: Callable[[], float] = time.time) -> tuple[float | None, float]:
    """Returns when the clock stands still (None if it runs), and how far ahead it is. Raises InvalidBody."""
    if not isinstance(document, dict) or len(document) != 1:
        raise InvalidBody(_CLOCK_FORM)
    ((name, value),) = document.items()
    if name not in ("now", "offset_s") or isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidBody(_CLOCK_FORM)
    now = value if name == "now" else machine() + value
    # Dates and tokens of other instants cannot be written.
    if not 0 <= now < _LAST_INSTANT:
        raise InvalidBody(f"{name} leads to no instant between the years 1970 and 6325")
    return (value, 0.0) if name == "now" else (None, value)
