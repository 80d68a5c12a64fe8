"""Changes the JSON object of a file; members keep their order, the text its indentation and what ends it.

`json` writes all of it: spaces become regular, and a character stands as itself and not as an escape. Members
of one name become one, as Go's decoder takes them: of two at the top that are objects the second adds to the
first, else the last counts.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from . import json_members

Content = dict[str, Any]
Path = tuple[str, ...]
# `json` would write 1.50 as 1.5 and 1e400 as no JSON: such a number is a string behind half of a surrogate
# pair until it is written, and no text that was read holds such a half (`wire` refuses it).
MARK = "\ud800"
FRACTION = re.compile(f'"{MARK}([^"]*)"')
NEW = "\n\t"  # what stands before the first member of a new file: docker's own indentation


def parse(text: str) -> Content:
    """Returns the object in a text that is known to be sound."""
    top: list[tuple[str, Any]] = []

    def join(pairs: list[tuple[str, Any]]) -> Content:
        top[:] = pairs  # those of the outermost object come last
        return dict(pairs)

    json.loads(text, object_pairs_hook=join, parse_float=lambda digits: MARK + digits)
    content: Content = {}
    for key, value in top:
        held = content.get(key)
        both = isinstance(held, dict) and isinstance(value, dict)
        content[key] = held | value if both else value
    return content


def format_like(content: Content, text: str) -> str:
    """Returns the text of an object, laid out as another text is."""
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
    """Returns the text of the object after a change; the same text when nothing changed.

    Raises ValueError for what cannot be changed.
    """
    content = parse(text)
    change(content)
    return text if content == parse(text) else format_like(content, text)


def find_value(content: Content, path: Path) -> Any:
    """Returns the value at a path of keys; None when there is none, or null."""
    value: Any = content
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def set_value(content: Content, path: Path, value: object) -> None:
    """Puts a value at a path of keys; makes the objects on the way, also in the place of a null.

    Raises ValueError when something else stands where an object must.
    """
    *above, last = path
    for key in above:
        if content.get(key) is None:
            content[key] = {}
        content = _get_object(content, key)
    content[last] = value


def remove_value(content: Content, path: Path) -> None:
    """Takes out the member at a path of keys, if there is one.

    Raises ValueError when something else stands where an object must.
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
