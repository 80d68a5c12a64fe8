"""Shows a change of a configuration file: the values that change, and *** for every other value.

-{"auths": {"gcr.io": {"auth": "***"}}}
+{"auths": {"gcr.io": {"auth": "***"}}, "credHelpers": {"gcr.io": "gcr"}}
"""

import difflib
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import click

from docker_credential_gcr.cli import terminal
from docker_credential_gcr.errors import find_secret_form
from docker_credential_gcr.helper import json_text

COLORS = {"+": "green", "-": "red", "@": "cyan"}
MASK = '"***"'
LITERALS = ("true", "false", "null")  # they hold no secret


class Part(NamedTuple):
    """A key or a value in a JSON text: the keys that lead to it, and its place."""

    path: tuple[str, ...]
    start: int
    end: int
    is_key: bool


def show(path: str, before: str, after: str) -> None:
    """Print a unified diff on stdout, in colour on a terminal."""
    for line in format_diff(path, before, after):
        click.secho(line, fg=COLORS.get(line[:1]), color=terminal.is_colored())


def format_diff(path: str, before: str, after: str) -> list[str]:
    """The lines of a unified diff; none when nothing changes."""
    old, new = mask(before, after).splitlines(), mask(after, before).splitlines()
    return list(difflib.unified_diff(old, new, path, path, lineterm=""))


def mask(text: str, other: str) -> str:
    """Returns a JSON text with a mask for each value that the other text holds, too, under the same keys.

    A list counts as one value. A key that looks like a secret is described.
    """
    known: dict[tuple[str, ...], list[object]] = defaultdict(list)
    for part in _list_parts(other):
        if not part.is_key:
            known[part.path].append(_decode(other, part))
    for part in sorted(_list_parts(text), key=lambda part: part.start, reverse=True):
        shown = text[part.start : part.end]
        if part.is_key:
            form = find_secret_form(part.path[-1])
            shown = json.dumps(f"*** {form}") if form else shown
        elif shown not in LITERALS and _decode(text, part) in known[part.path]:
            shown = MASK
        text = text[: part.start] + shown + text[part.end :]
    return text


def _list_parts(text: str) -> Iterator[Part]:
    """Yields the keys of a JSON object and of the objects in it, and each value that is not an object."""
    waiting: list[tuple[tuple[str, ...], int]] = []
    waiting += [((), json_text.skip_space(text, 0))] if text.lstrip().startswith("{") else []
    while waiting:
        path, start = waiting.pop()
        position = start + 1
        for member in json_text.scan_object(text, start):
            at = (*path, member.key)
            yield Part(at, position + len(member.lead), member.value_start - len(member.colon), True)
            if text[member.value_start] == "{":
                waiting.append((at, member.value_start))
            else:
                yield Part(at, member.value_start, member.value_end, False)
            position = json_text.skip_space(text, member.value_end) + 1


def _decode(text: str, part: Part) -> object:
    return json_text.decode(text, part.start)[0]
