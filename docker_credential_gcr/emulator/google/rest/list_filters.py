"""Filters of Artifact Registry's lists: version="projects/…/versions/sha256:…" OR name="*/tags/v*"

A * at either end of a value matches any text, case is ignored, and OR binds more tightly than AND.
https://google.aip.dev/160
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from .errors import InvalidArgument
from .pagination import Page

T = TypeVar("T")
Predicate = Callable[[dict[str, Any]], bool]

_MAX_SIZE = 2048
_TOKEN = re.compile(r'\s*(?:(?P<field>\w+)\s*=\s*(?:"(?P<text>[^"]*)"|(?P<word>[^\s"]+))|(?P<sign>AND|OR)\b)')


def parse_filter(query: Mapping[str, str], fields: Collection[str]) -> Predicate | None:
    """Returns the test of an item that ?filter= states; None without a filter. Raises InvalidArgument.

    ?orderBy= may only be the order that every list has: gcloud sorts the items itself if another is refused.
    """
    if query.get("orderBy", "name").lower() not in ("name", "name asc"):
        raise InvalidArgument("gcr-emulator can order by name only: leave orderBy out.")
    text = query.get("filter", "").strip()
    if not text:
        return None
    groups: list[list[tuple[str, str]]] = [[]]
    position, expected = 0, "field"
    hint = " or ".join(f'{name}="…"' for name in fields) + " is known, with AND and OR"
    while position < len(text):
        match = _TOKEN.match(text, position)
        kind = "" if match is None else "sign" if match["sign"] else "field"
        if (
            match is None
            or kind != expected
            or len(text) > _MAX_SIZE
            or match["field"] not in (None, *fields)
        ):
            raise InvalidArgument(f"Invalid filter {text[:200]!r}: {hint}.")
        if match["field"]:
            groups[-1].append((match["field"], (match["text"] or match["word"] or "").lower()))
        elif match["sign"] == "AND":
            groups.append([])
        position, expected = match.end(), "sign" if kind == "field" else "field"
    if expected == "field":
        raise InvalidArgument(f"Invalid filter {text[:200]!r}: {hint}.")
    return lambda item: all(any(_holds(item, *term) for term in group) for group in groups)


def format_matches(
    name: str,
    page: Page,
    test: Predicate | None,
    fetch: Callable[..., list[T]],
    describe: Callable[[T], dict[str, Any]],
    key: Callable[[T], str],
) -> dict[str, Any]:
    """Returns the page of the items that pass the test; `fetch` reads `count` items after the key `last`."""

    def search() -> Iterator[T]:
        last = page.last
        while found := fetch(last=last, count=page.count):
            yield from (item for item in found if test is None or test(describe(item)))
            last = key(found[-1])
            if len(found) < page.count:
                return

    return page.format(name, search(), describe, key)


def _holds(item: dict[str, Any], field: str, wanted: str) -> bool:
    value = str(item.get(field, "")).lower()
    inner = wanted.strip("*")
    if len(inner) > 0 and wanted.startswith("*") and wanted.endswith("*"):
        return inner in value
    if wanted.endswith("*"):
        return value.startswith(wanted[:-1])
    return value.endswith(wanted[1:]) if wanted.startswith("*") else value == wanted
