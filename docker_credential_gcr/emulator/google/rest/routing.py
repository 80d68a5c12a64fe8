"""Routing table of method and path to a function, matched on the path as the client sent it.

A name in braces stands for one segment, in which a client may write a slash as %2F.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from docker_credential_gcr.emulator.google.dependencies import GoogleServices

Endpoint = Callable[[Request, GoogleServices], Awaitable[Response]]
Row = tuple[str, str, Endpoint]


class RouteTable:
    """Compiled routes; if two match, the first counts."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = [(method, _compile(path), endpoint) for method, path, endpoint in rows]

    def find(self, request: Request) -> tuple[Endpoint, dict[str, str]] | None:
        """Returns the function that answers a request, and the path's parameters."""
        path = request.scope["raw_path"].decode("latin-1")
        for method, pattern, endpoint in self._rows:
            if method == request.method and (match := pattern.fullmatch(path)):
                return endpoint, {name: unquote(text) for name, text in match.groupdict().items()}
        return None


class CatchAll(Route):
    """A route for every request. Starlette's matches no line break, and answers some methods with text."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        super().__init__(path, endpoint)
        self.methods = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:  # noqa: ARG002
        """Returns a full match, for any request."""
        return Match.FULL, {"endpoint": self.endpoint}


def _compile(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    literals, names = parts[::2], parts[1::2]
    groups = [rf"(?P<{name}>[^/]+)" for name in names]
    # Some clients quote the colon of a custom method as %3A.
    quoted = [re.escape(literal).replace(":", "(?::|%3A)") for literal in literals]
    return re.compile("".join(a + b for a, b in zip(quoted, [*groups, ""], strict=True)))
