"""Events at /_emulator/events: what happened to images, as JSON, or as server-sent events while it happens.

    GET /_emulator/events?project=my-project&after=0&limit=100

    {"events": [{"id": 12, "time": 1767225600.5, "action": "INSERT", "project": "my-project",
                 "service": "containerregistry.googleapis.com", "repository": "gcr.io/my-project/app",
                 "digest": "sha256:…", "tag": "v1", "mediaType": "application/vnd.…", "size": 424,
                 "member": "user:a@example.com", "message": {"action": "INSERT", "digest": …, "tag": …}}],
     "last": 12}

"reset": true says that events after that id are no longer kept; the list is then of all events. `message`
is what Google's topic gets. With Accept: text/event-stream each event is one `data:` with its `id:`; a client
that connects again sends the last id as Last-Event-ID, and `event: reset` has the same meaning.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.events import outbox
from docker_credential_gcr.emulator.database.events.outbox import Event

_DEFAULT_LIMIT, _MAX_LIMIT = 100, 1000
_STREAM = "text/event-stream"
_MOST_DIGITS = 18
# Proxies end a response that is silent.
_COMMENT_S = 15.0
_LOOK_S = 0.1
_PARAMETERS = ("project", "after", "limit")


class InvalidEventQuery(ValueError):
    """A query that selects no events; the message says why."""


@dataclass(frozen=True)
class EventReader:
    """What the route needs: `admit` lets readers see every event that is committed."""

    database: Database
    admit: Callable[[], Awaitable[None]]
    is_stopping: Callable[[], bool]
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class _Selection:
    after: int | None
    limit: int
    project: str | None


async def get_events(reader: EventReader, request: Request) -> Response:
    """Lists admitted events after an id, or streams them. Raises InvalidEventQuery."""
    selection = _parse(request)
    await reader.admit()
    if _STREAM in request.headers.get("accept", ""):
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_stream(reader, selection), media_type=_STREAM, headers=headers)
    after, document = selection.after or 0, dict[str, object]()
    if after and await _is_gap(reader, after):
        after, document = 0, {"reset": True}
    found = await _list(reader, after, selection)
    last = found[-1].id if found else after
    return JSONResponse({"events": [event.format_document() for event in found], "last": last, **document})


async def _list(reader: EventReader, after: int, selection: _Selection) -> list[Event]:
    return await reader.database.read(
        partial(outbox.list_admitted, after=after, count=selection.limit, project=selection.project)
    )


async def _stream(reader: EventReader, selection: _Selection) -> AsyncIterator[str]:
    """Yields events until the client leaves or the server stops, and a comment after each silence.

    The middleware ends a response that its client does not read.
    """
    yield ": events\n\n"
    last = await reader.database.read(outbox.find_watermark) if selection.after is None else selection.after
    said_at, version = reader.monotonic(), None
    while not reader.is_stopping():
        await reader.database.refresh()
        current = reader.database.version()
        found = []
        if current != version:
            await reader.admit()
            if last and await _is_gap(reader, last):
                yield f"event: reset\ndata: {json.dumps({'after': last})}\n\n"
                last = 0
            found = await _list(reader, last, selection)
        for event in found:
            last = event.id
            yield f"id: {event.id}\ndata: {json.dumps(event.format_document())}\n\n"
        if len(found) < selection.limit:
            version = current
        if found:
            said_at = reader.monotonic()
            continue
        if reader.monotonic() - said_at >= _COMMENT_S:
            said_at = reader.monotonic()
            yield ": silence\n\n"
        await asyncio.sleep(_LOOK_S)


async def _is_gap(reader: EventReader, last: int) -> bool:
    """Returns whether events after the id are deleted already, or the id is of another database."""

    def find(connection: object) -> bool:
        oldest = outbox.find_oldest(connection)  # type: ignore[arg-type]
        return last + 1 < oldest or last > outbox.find_watermark(connection)  # type: ignore[arg-type]

    return await reader.database.read(find)


def _parse(request: Request) -> _Selection:
    query = request.query_params
    for name in query:
        if name not in _PARAMETERS:
            raise InvalidEventQuery(f"unknown parameter {name[:50]!r}: known are {', '.join(_PARAMETERS)}")
    after = _parse_number("Last-Event-ID", request.headers.get("last-event-id"))
    if after is None:
        after = _parse_number("after", query.get("after"))
    limit = _parse_number("limit", query.get("limit"))
    if limit is not None and not 1 <= limit <= _MAX_LIMIT:
        raise InvalidEventQuery(f"limit is a number from 1 to {_MAX_LIMIT}")
    return _Selection(after, limit or _DEFAULT_LIMIT, query.get("project") or None)


def _parse_number(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InvalidEventQuery(f"{name} is a whole number, not {text[:50]!r}")
    return int(text)
