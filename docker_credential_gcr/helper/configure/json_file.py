"""Edits the JSON object of a file; the order of members, the indentation and the end of the text stay.

`json` writes the text: spaces become regular, and escapes become the characters that they stand for. Members
of equal names become one, as Go's decoder reads them: of two objects at the top the second is merged into
the first, else the last one is taken.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from . import json_members

Content = dict[str, Any]
KeyPath = tuple[str, ...]
# `json` would write 1.50 as 1.5, and 1e400 as Infinity: a fraction is a string behind half of a surrogate
# pair until it is written. No text that was read holds such a half: `wire` refuses it.
MARK = "\ud800"
FRACTION = re.compile(f'"{MARK}([^"]*)"')
NEW = "\n\t"  # before the first member of a new file: docker's own indentation


def parse(text: str) -> Content:
    """Parses the object in a valid text."""
    top: list[tuple[str, Any]] = []

    def join(pairs: list[tuple[str, Any]]) -> Content:
        top[:] = pairs  # the outermost object is the last one
        return dict(pairs)

    json.loads(text, object_pairs_hook=join, parse_float=lambda digits: MARK + digits)
    content: Content = {}
    for key, value in top:
        before = content.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        content[key] = before | value if both else value
    return content


def format_like(content: Content, text: str) -> str:
    """Formats an object with the layout of another text."""
    members = json_members.scan_object(text, json_members.skip_space(text, 0))
    lead, colon = (members[0].lead, members[0].colon) if members else (NEW, ": ")
    indent = lead.rpartition("\n")[2] if "\n" in lead else None
    gap = " " if colon[-1:] == " " else ""
    separators = ("," if indent is not None else "," + gap, ":" + gap)
    after = json.dumps(content, ensure_ascii=False, indent=indent, separators=separators)
    after = FRACTION.sub(r"\1", after)
    newline = "\r\n" if "\r\n" in lead else "\n"
    return after.replace("\n", newline) + text[len(text.rstrip(json_members.SPACE)) :]


def edit(text: str, change: Callable[[Content], None]) -> str:
    """Returns the text of the object after a change; the same text when nothing changes.

    Raises ValueError for a change that the object does not allow.
    """
    content = parse(text)
    change(content)
    return text if content == parse(text) else format_like(content, text)


def find_value(content: Content, path: KeyPath) -> Any:
    """Returns the value at a path of keys; None when it is absent or null."""
    value: Any = content
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def set_value(content: Content, path: KeyPath, value: object) -> None:
    """Sets the value at a path of keys; creates absent objects on the way, and replaces null by an object.

    Raises ValueError when the path leads through a value that is not an object.
    """
    *above, last = path
    for key in above:
        if content.get(key) is None:
            content[key] = {}
        content = _get_object(content, key)
    content[last] = value


def remove_value(content: Content, path: KeyPath) -> None:
    """Removes the member at a path of keys, if there is one.

    Raises ValueError when the path leads through a value that is not an object.
    """
    *above, last = path
    for key in above:
        if content.get(key) is None:
            return
        content = _get_object(content, key)
    content.pop(last, None)


def _get_object(content: Content, key: str) -> Content:
    value = content[key]
    if not isinstance(value, dict):
        raise ValueError(f"{key!r} is not an object")
    return value
