"""Request bodies, JSON and forms: reads them with limits of size and time."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from docker_credential_gcr.emulator.runtime import strict_json

from .errors import BodyTooLarge, BodyTooSlow, GrantRefused, InvalidArgument
from .message_schema import Message, read_message

MAX_JSON_SIZE = 1024 * 1024
MAX_FORM_SIZE = 64 * 1024
_MAX_FIELDS = 32
_DEADLINE_S = 30
_FORM = "application/x-www-form-urlencoded"


async def read_json(
    request: Request, message: Message | None = None, size: int = MAX_JSON_SIZE
) -> dict[str, Any]:
    """Returns the JSON object in the body, of at most `size` bytes; with a message, by the message's names.

    An empty body is an empty object. Raises InvalidArgument, BodyTooLarge, BodyTooSlow.
    """
    body = await _read(request, size)
    try:
        document = strict_json.decode(body or b"{}")
    except strict_json.InvalidJson as error:
        reason = str(error)
        raise InvalidArgument(f"Invalid JSON payload received. {reason[0].upper()}{reason[1:]}") from error
    if not isinstance(document, dict):
        raise InvalidArgument("Invalid JSON payload received. The body is not an object.")
    return document if message is None else read_message(document, message)


async def read_form(request: Request) -> dict[str, str]:
    """Returns the fields of a form. Raises GrantRefused, also if a field comes twice.

    https://www.rfc-editor.org/rfc/rfc6749#section-3.2
    """
    if not has_form(request):
        raise GrantRefused("invalid_request", f"Content-Type must be {_FORM}")
    body = await _read(request, MAX_FORM_SIZE)
    if not strict_json.is_escaped_text(body):
        raise GrantRefused("invalid_request", "Malformed form")
    try:
        pairs = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise GrantRefused("invalid_request", "Malformed form") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise GrantRefused("invalid_request", "A parameter is given more than once")
    return fields


def has_form(request: Request) -> bool:
    """Returns whether the request's Content-Type is that of a form."""
    return find_content_type(request) == _FORM


def find_content_type(request: Request) -> str:
    """Returns the media type of the body, without parameters; empty if the request names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def get_field(form: dict[str, str], name: str) -> str:
    """Returns a field of a form. Raises GrantRefused if it is absent or empty."""
    value = form.get(name)
    if not value:
        raise GrantRefused("invalid_request", f"Required parameter is missing: {name}")
    return value


async def _read(request: Request, limit: int) -> bytes:
    try:
        return await asyncio.wait_for(_collect(request, limit), _DEADLINE_S)
    # middleware/body_limits reports a client that is too slow as disconnected.
    except (asyncio.TimeoutError, ClientDisconnect) as error:
        raise BodyTooSlow("The request body did not arrive in time.") from error


async def _collect(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        chunks.append(chunk)
    return b"".join(chunks)
