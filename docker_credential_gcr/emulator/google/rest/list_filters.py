"""Filters of Artifact Registry's lists: version="projects/…/versions/sha256:…" OR name="*/tags/v*"

    annotations.external_link                          an annotation with that key
    annotations.`external.link`:`https://example.*`    … and that value

A * at either end of a key or a value matches any text, case is ignored, and OR binds more tightly than AND.
Each condition on annotations is compared with all of an item, so a filter has at most ten of these.
https://google.aip.dev/160
https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages/list
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from .errors import InvalidArgument

Predicate = Callable[[dict[str, Any]], bool]

_MAX_SIZE = 2048
_MAX_ANNOTATION_TERMS = 10
_TOKEN = re.compile(
    r"\s*(?:(?P<sign>AND|OR)(?!\S)"
    r"|(?P<field>\w+)(?:\.(?:`(?P<quoted_key>[^`]*)`|(?P<key>[^\s:=\"`]+)))?"
    r"(?:\s*(?P<operator>[=:])\s*(?:\"(?P<text>[^\"]*)\"|`(?P<quoted>[^`]*)`|(?P<word>[^\s\"`]+)))?)"
)
ANNOTATIONS = "annotations"


class _Term(NamedTuple):
    """A condition: the member has the value, or an annotation with the key has it; None is any value."""

    field: str
    key: str | None
    value: str | None


def parse_filter(query: Mapping[str, str], fields: Collection[str]) -> Predicate | None:
    """Returns the test of an item that ?filter= states; None without a filter. Raises InvalidArgument."""
    text = query.get("filter", "").strip()
    if text.startswith('"') and text.endswith('"') and text.count('"') == 2:
        # Google's reference shows filters of annotations in quotes.
        text = text[1:-1].strip()
    if not text:
        return None
    groups: list[list[_Term]] = [[]]
    position, is_term_next = 0, True
    while position < len(text):
        match = _TOKEN.match(text, position) if len(text) <= _MAX_SIZE else None
        if match is None or is_term_next == bool(match["sign"]):
            raise _refuse(text, fields)
        if match["sign"] == "AND":
            groups.append([])
        elif match["field"]:
            groups[-1].append(_parse_term(match, text, fields))
        position, is_term_next = match.end(), not is_term_next
    if is_term_next:
        raise _refuse(text, fields)
    _check_count(groups)
    return lambda item: _passes(item, groups)


def _check_count(groups: list[list[_Term]]) -> None:
    if sum(term.key is not None for group in groups for term in group) > _MAX_ANNOTATION_TERMS:
        raise InvalidArgument(
            f"Invalid filter: it has more than {_MAX_ANNOTATION_TERMS} conditions on annotations."
        )


def _parse_term(match: re.Match[str], text: str, fields: Collection[str]) -> _Term:
    known = {fold_name(name): name for name in fields}
    field = known.get(fold_name(match["field"]))
    key = match["key"] if match["quoted_key"] is None else match["quoted_key"]
    values = [match[name] for name in ("text", "quoted", "word") if match[name] is not None]
    value = values[0].lower() if values else None
    if field == ANNOTATIONS and key:
        return _Term(field, key.lower(), value)
    if field in (None, ANNOTATIONS) or key is not None or match["operator"] != "=":
        raise _refuse(text, fields)
    return _Term(str(field), None, value)


def fold_name(name: str) -> str:
    """Returns a field's name without what clients spell differently: createtime for CREATE_TIME."""
    return name.replace("_", "").lower()


def _refuse(text: str, fields: Collection[str]) -> InvalidArgument:
    forms = [f"{name}.KEY:VALUE" if name == ANNOTATIONS else f'{name}="…"' for name in fields]
    return InvalidArgument(f"Invalid filter {text[:200]!r}: {' or '.join(forms)} is known, with AND and OR.")


def _passes(item: dict[str, Any], groups: list[list[_Term]]) -> bool:
    found = item.get(ANNOTATIONS, {})
    # Once for all conditions: an item may have tens of thousands.
    annotations = [(name.lower(), text.lower()) for name, text in found.items()]

    def holds(term: _Term) -> bool:
        if term.key is None:
            return _matches(str(item.get(term.field) or "").lower(), term.value or "")
        return any(
            _matches(name, term.key) and (term.value is None or _matches(text, term.value))
            for name, text in annotations
        )

    return all(any(map(holds, group)) for group in groups)


def _matches(text: str, wanted: str) -> bool:
    inner = wanted.strip("*")
    if not inner:
        return bool(wanted) or not text
    if wanted.startswith("*") and wanted.endswith("*"):
        return inner in text
    if wanted.endswith("*"):
        return text.startswith(wanted[:-1])
    return text.endswith(wanted[1:]) if wanted.startswith("*") else text == wanted
