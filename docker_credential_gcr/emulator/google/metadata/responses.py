"""Responses of the metadata server: content, redirects, and error pages."""

import html
from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from docker_credential_gcr.emulator.request_context import note_reason
from docker_credential_gcr.emulator.runtime.errors import Unavailable

from .tree import format_etag

FLAVOR = {"Metadata-Flavor": "Google"}
TEXT, JSON, _HTML = "application/text", "application/json", "text/html; charset=UTF-8"
# Compute Engine's type of an ID token, which libraries expect.
IDENTITY = "text/html"
_PAGE = """<!DOCTYPE html>
<html lang=en>
  <meta charset=utf-8>
  <title>Error {status} ({phrase})!!1</title>
  <p><b>{status}.</b> <ins>That's an error.</ins>
  <p>{message} <ins>That's all we know.</ins>
"""


class Refused(Exception):
    """The request is refused, with an HTTP status and a message in HTML."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def redirect(request: Request, path: str) -> Response:
    """Returns a redirect to a directory's URL, the path with a slash at its end."""
    query = f"?{request.scope['query_string'].decode('latin-1')}" if request.scope["query_string"] else ""
    location = f"{request.scope['scheme']}://{request.headers.get('host', '')}{path}{query}"
    return reply(f"{location}\n", TEXT, 301, {"Location": location})


def reply(
    content: str, media_type: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Returns a response with metadata, and its ETag."""
    always = {"ETag": format_etag(content), "X-Frame-Options": "SAMEORIGIN", "Content-Type": media_type}
    return Response(content.encode(), status, {**FLAVOR, **always, **(headers or {})})


def format_page(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns an error page; `message` is HTML."""
    page = _PAGE.format(status=status, phrase=HTTPStatus(status).phrase, message=message)
    return Response(page.encode(), status, {**FLAVOR, "Content-Type": _HTML, **(headers or {})})


def format_unavailable(error: Unavailable) -> Response:
    """Returns the page for a part of the server that does not answer."""
    message = str(error)
    note_reason(message)
    return format_page(503, f"{html.escape(message[:1].upper() + message[1:])}.", error.headers)
