"""Filters of projects: terms such as `lifecycleState:ACTIVE labels.env=prod AND id:my-*`, joined by AND.

https://cloud.google.com/resource-manager/reference/rest/v3/projects/search
"""

import re
from collections.abc import Callable, Iterator

from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.identity.cel.tokenizer import TokenReader

from .project_resource import format_state

MAX_SIZE = 2048
# Bounded: each term is tested on every project.
MAX_TERMS = 32
# No character can be in two groups: the time to tokenize a filter is linear in its length.
_TOKEN = re.compile(r'\s*(?:(?P<text>"[^"]*")|(?P<word>[^\s":=]+)|(?P<sign>[:=]))', re.ASCII)

Predicate = Callable[[Project], bool]


def parse_filter(text: str) -> Predicate:
    """Returns the test of a project that the filter states; every project passes an empty filter.

    Raises InvalidArgument for a syntax error, or an unknown field.
    """
    if len(text) > MAX_SIZE:
        raise InvalidArgument(f"the filter is longer than {MAX_SIZE} characters")
    try:
        tests = list(_read_terms(TokenReader(text, _TOKEN, _InvalidFilter)))
    except _InvalidFilter as error:
        raise InvalidArgument(
            f"invalid filter {text[:200]!r}: {error}; use terms such as lifecycleState:ACTIVE"
        ) from error
    if len(tests) > MAX_TERMS:
        raise InvalidArgument(f"the filter has more than {MAX_TERMS} terms")
    return lambda project: all(test(project) for test in tests)


class _InvalidFilter(Exception):
    """The text is not a list of terms."""


def _read_terms(reader: TokenReader) -> Iterator[Predicate]:
    while reader.peek()[0] != "end":
        yield _read_term(reader)
        # AND is optional: terms are always joined by it.
        if reader.peek() == ("word", "AND"):
            reader.skip()


def _read_term(reader: TokenReader) -> Predicate:
    """Reads field:value or field=value."""
    field = reader.read("word")
    if field not in _FIELDS and not field.startswith("labels."):
        raise InvalidArgument(
            f"unknown field {field[:100]!r} in the filter: use {', '.join(_FIELDS)} or labels.KEY"
        )
    if not reader.take(":"):
        reader.demand("=")
    kind, value = reader.peek()
    if kind not in ("text", "word"):
        raise reader.complain()
    reader.skip()
    wanted = value.strip('"')
    return lambda project: _holds(project, field, wanted)


def _holds(project: Project, field: str, wanted: str) -> bool:
    if field.startswith("labels."):
        label = project.labels.get(field.removeprefix("labels."))
        return label is not None and wanted in ("*", label)
    value = _FIELDS[field](project).lower()
    begun, star, _ = wanted.lower().partition("*")
    return value.startswith(begun) if star else value == begun


_FIELDS: dict[str, Callable[[Project], str]] = {
    "lifecycleState": format_state,
    "state": format_state,
    "id": lambda project: project.project_id,
    "projectId": lambda project: project.project_id,
    "projectNumber": lambda project: project.number,
    "name": lambda project: project.name,
    "displayName": lambda project: project.name,
    "parent": lambda project: project.parent,
    "parent.type": lambda project: project.parent.partition("/")[0].removesuffix("s"),
    "parent.id": lambda project: project.parent.partition("/")[2],
}
