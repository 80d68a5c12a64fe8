"""The metadata server's way of asking and answering: parameters, plain replies, and pages for refusals."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from .tree import format_etag

FLAVOR = {"Metadata-Flavor": "Google"}
TEXT, JSON, _HTML = "application/text", "application/json", "text/html; charset=UTF-8"
# Of an ID token, as Compute Engine's server says it; libraries look for this type.
IDENTITY = "text/html"
# Google's server waits for ever; a connection here is one of a limited number.
_MAX_WAIT_S = 3600
_PAGE = """<!DOCTYPE html>
<html lang=en>
  <meta charset=utf-8>
  <title>Error {status} ({phrase})!!1</title>
  <p><b>{status}.</b> <ins>That's an error.</ins>
  <p>{message} <ins>That's all we know.</ins>
"""


class Refused(Exception):
    """The request is refused, with an HTTP status and a text that is HTML."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Options:
    """The parameters of a query for metadata."""

    recursive: bool
    alt: str
    waits: bool
    last_etag: str | None
    timeout_s: int


def parse_options(request: Request) -> Options:
    """The query's parameters. Raises Refused."""
    query = request.query_params
    flags = {}
    for name in ("recursive", "wait_for_change"):
        # ?recursive alone is said too.
        text = query.get(name, "false").lower()
        if text not in ("true", "false", ""):
            raise Refused(400, f"the {name} parameter is true or false")
        flags[name] = text != "false"
    alt = query.get("alt", "json" if flags["recursive"] else "text")
    if alt not in ("json", "text"):
        raise Refused(400, "the alt parameter is json or text")
    timeout = query.get("timeout_sec", str(_MAX_WAIT_S))
    if not (timeout.isascii() and timeout.isdecimal() and len(timeout) < 10):
        raise Refused(400, "the timeout_sec parameter is a number of seconds")
    return Options(
        flags["recursive"],
        alt,
        flags["wait_for_change"],
        query.get("last_etag"),
        min(int(timeout), _MAX_WAIT_S),
    )


def redirect(request: Request, path: str) -> Response:
    """To where the directory is."""
    query = f"?{request.scope['query_string'].decode('latin-1')}" if request.scope["query_string"] else ""
    location = f"{request.scope['scheme']}://{request.headers.get('host', '')}{path}{query}"
    return reply(f"{location}\n", TEXT, 301, {"Location": location})


def reply(
    content: str, media_type: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """What was asked for."""
    kept = {"ETag": format_etag(content), "X-Frame-Options": "SAMEORIGIN", "Content-Type": media_type}
    return Response(content.encode(), status, {**FLAVOR, **kept, **(headers or {})})


def format_page(status: int, message: str) -> Response:
    """A refusal, as a person reads it; `message` is HTML."""
    page = _PAGE.format(status=status, phrase=HTTPStatus(status).phrase, message=message)
    return Response(page.encode(), status, {**FLAVOR, "Content-Type": _HTML})
