"""Query options of the metadata server: ?recursive=true&wait_for_change=true&timeout_sec=60"""

from dataclasses import dataclass

from starlette.requests import Request

from .responses import Refused

# Google's server waits without limit; the number of connections is limited here.
_MAX_WAIT_S = 3600


@dataclass(frozen=True)
class Options:
    """Options of a request for metadata; `alt` is json or text."""

    recursive: bool
    alt: str
    waits: bool
    last_etag: str | None
    timeout_s: int


def parse_options(request: Request) -> Options:
    """Parses the query. Raises Refused."""
    query = request.query_params
    flags = {}
    for name in ("recursive", "wait_for_change"):
        # ?recursive without a value means true.
        text = query.get(name, "false").lower()
        if text not in ("true", "false", ""):
            raise Refused(400, f"the {name} parameter must be true or false")
        flags[name] = text != "false"
    alt = query.get("alt", "json" if flags["recursive"] else "text")
    if alt not in ("json", "text"):
        raise Refused(400, "the alt parameter must be json or text")
    timeout = query.get("timeout_sec", str(_MAX_WAIT_S))
    if not (timeout.isascii() and timeout.isdecimal() and len(timeout) < 10):
        raise Refused(400, "the timeout_sec parameter must be a number of seconds")
    return Options(
        flags["recursive"],
        alt,
        flags["wait_for_change"],
        query.get("last_etag"),
        min(int(timeout), _MAX_WAIT_S),
    )
