"""Changes one member of a JSON text and leaves every other byte as its owner wrote it."""

from docker_credential_gcr.helper import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SPACE = " \t\n\r"


class Member:
    """One member of an object: where its key and its value stand in the text."""

    __slots__ = ("colon", "key", "lead", "value_end", "value_start")

    def __init__(self, key: str, lead: str, colon: str, value_start: int, value_end: int) -> None:
        self.key = key
        self.lead = lead  # the white space before the key
        self.colon = colon  # from the key to the value
        self.value_start = value_start
        self.value_end = value_end


class Style:
    """How a text is laid out; `unit` is one step of indentation, None when it is all on one line."""

    __slots__ = ("colon", "gap", "newline", "unit")

    def __init__(self, text: str) -> None:
        start = skip_space(text, 0)
        members = scan_object(text, start)
        self.colon = members[0].colon if members else ": "
        self.gap = self.colon.partition(":")[2]  # the white space after a colon stands after a comma, too
        lead = members[0].lead if members else "\n\t"
        self.newline = "\r\n" if "\r\n" in lead else "\n"
        self.unit = lead.rpartition("\n")[2] if "\n" in lead else None

    def format(self, value: object, depth: int) -> str:
        """Returns a value whose first line stands at a depth of the text."""
        import json  # 4 ms, which `list` need not pay: it writes nothing

        if self.unit is None:
            return json.dumps(value, ensure_ascii=False, separators=("," + self.gap, self.colon))
        lines = json.dumps(value, ensure_ascii=False, indent=self.unit, separators=(",", self.colon))
        return lines.replace("\n", self.newline + self.unit * depth)


def decode(text: str, position: int) -> "tuple[Any, int]":
    """Returns the value that begins at a position of a sound text, and where it ends."""
    if wire.scan is not None:
        return wire.scan(text, position)
    import json  # an interpreter without CPython's accelerator

    return json.JSONDecoder().raw_decode(text, position)


def skip_space(text: str, position: int) -> int:
    """The next position that is not white space."""
    while text[position] in SPACE:
        position += 1
    return position


def scan_object(text: str, start: int) -> list[Member]:
    """The members of the object that opens at `start`, in a text that is known to be sound."""
    members = []
    before, position = start + 1, skip_space(text, start + 1)
    while text[position] != "}":
        key, key_end = decode(text, position)
        value_start = skip_space(text, skip_space(text, key_end) + 1)
        _, value_end = decode(text, value_start)
        members.append(Member(key, text[before:position], text[key_end:value_start], value_start, value_end))
        position = skip_space(text, value_end)
        if text[position] == ",":
            before, position = position + 1, skip_space(text, position + 1)
    return members


def _find(members: list[Member], key: str) -> Member | None:
    """The member of that key: of several the last, which is the one that decoders take."""
    return next((member for member in reversed(members) if member.key == key), None)


def find_value(text: str, path: tuple[str, ...]) -> object:
    """The value at a path of keys; None when there is none, or null."""
    start = skip_space(text, 0)
    for key in path:
        found = None
        if text[start] == "{":
            found = _find(scan_object(text, start), key)
        if found is None:
            return None
        start = found.value_start
    value: object = decode(text, start)[0]
    return value


def set_member(text: str, path: tuple[str, ...], value: object) -> str:
    """The text with a value at a path of keys; objects on the way are made, also in the place of a null.

    Raises ValueError when something else stands where an object must.
    """
    style = Style(text)
    start = skip_space(text, 0)
    for depth, key in enumerate(path):
        members = scan_object(text, start)
        member = _find(members, key)
        rest: object = value
        for inner in reversed(path[depth + 1 :]):
            rest = {inner: rest}
        if member is None:
            return _insert(text, start, members, key, style.format(rest, depth + 1), depth, style)
        if decode(text, member.value_start)[0] == rest:
            return text
        is_object, is_null = text[member.value_start] == "{", text[member.value_start] == "n"
        if depth < len(path) - 1 and not is_object and not is_null:
            raise ValueError(f"{key!r} is not an object")
        if depth == len(path) - 1 or is_null:
            return text[: member.value_start] + style.format(rest, depth + 1) + text[member.value_end :]
        start = member.value_start
    return text


def remove_member(text: str, path: tuple[str, ...]) -> str:
    """The text without the member at a path of keys; the same text when there is none.

    Raises ValueError when something else stands where an object must.
    """
    start = skip_space(text, 0)
    for depth, key in enumerate(path):
        members = scan_object(text, start)
        member = _find(members, key)
        if member is None:
            return text
        position = members.index(member)
        if depth < len(path) - 1:
            start = member.value_start
            if text[start] == "n":  # null holds nothing
                return text
            if text[start] != "{":
                raise ValueError(f"{key!r} is not an object")
    end = members[position].value_end
    following = skip_space(text, end)
    if position > 0:  # with the comma before it
        return text[: members[position - 1].value_end] + text[end:]
    if text[following] == ",":  # the next one moves up
        return text[: start + 1] + members[0].lead + text[following + 1 + len(members[1].lead) :]
    return text[: start + 1] + text[following:]


def _insert(
    text: str, start: int, members: list[Member], key: str, value: str, depth: int, style: Style
) -> str:
    """The text with a member at the end of the object at `start`, laid out as its siblings are."""
    quoted = style.format(key, depth)
    if not members:
        end = skip_space(text, start + 1)
        unit = style.unit
        lead, tail = (
            ("", "") if unit is None else (style.newline + unit * (depth + 1), style.newline + unit * depth)
        )
        return text[: start + 1] + lead + quoted + style.colon + value + tail + text[end:]
    last = members[-1]
    lead = last.lead
    if len(members) == 1 and "\n" not in lead:  # what follows an opening brace says nothing of a comma
        lead = style.gap
    return text[: last.value_end] + "," + lead + quoted + last.colon + value + text[last.value_end :]
