"""Request bodies of /_emulator/: JSON, at most 1 MiB."""

import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from docker_credential_gcr.emulator.runtime import strict_json

_LIMIT = 1024 * 1024
_CLOCK_FORM = 'expected {"now": SECONDS} or {"offset_s": SECONDS}'
_LAST_INSTANT = 2**37


class InvalidBody(ValueError):
    """The request's body is not valid for this resource."""


async def load(request: Request, default: bytes = b"") -> object:
    """Reads the JSON of the body; that of `default` for an empty body. Raises InvalidBody."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LIMIT:
                raise InvalidBody(f"the body is larger than {_LIMIT} bytes")
    except ClientDisconnect as error:
        raise InvalidBody("the client closed the connection before the end of the body") from error
    try:
        return strict_json.decode(body or default)
    except strict_json.InvalidJson as error:
        raise InvalidBody(f"the body is not JSON: {error}") from error


def parse_clock(document: object, machine: Callable[[], float] = time.time) -> tuple[float | None, float]:
    """Returns the instant at which the clock is stopped, or None, and its offset. Raises InvalidBody."""
    if not isinstance(document, dict) or len(document) != 1:
        raise InvalidBody(_CLOCK_FORM)
    ((name, value),) = document.items()
    if name not in ("now", "offset_s") or isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidBody(_CLOCK_FORM)
    now = value if name == "now" else machine() + value
    # Dates and tokens cannot represent other instants.
    if not 0 <= now < _LAST_INSTANT:
        raise InvalidBody(f"{name} is not in the years 1970 to 6325")
    return (value, 0.0) if name == "now" else (None, value)
