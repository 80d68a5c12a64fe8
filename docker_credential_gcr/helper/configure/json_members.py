"""Positions of the members of a JSON object in its text; members of equal names are all found."""

from docker_credential_gcr.helper import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SPACE = " \t\n\r"


class Member:
    """One member of an object: its key, and the position of its value in the text."""

    __slots__ = ("colon", "key", "lead", "value_end", "value_start")

    def __init__(self, key: str, lead: str, colon: str, value_start: int, value_end: int) -> None:
        self.key = key
        self.lead = lead  # the white space before the key
        self.colon = colon  # from the key to the value
        self.value_start = value_start
        self.value_end = value_end


def decode(text: str, position: int) -> "tuple[Any, int]":
    """Returns the value at a position of a valid text, and the position after it."""
    if wire.scan is not None:
        return wire.scan(text, position)
    import json  # only for an interpreter without CPython's accelerator

    return json.JSONDecoder().raw_decode(text, position)


def skip_space(text: str, position: int) -> int:
    """Returns the first position from here on that is not white space."""
    while text[position] in SPACE:
        position += 1
    return position


def scan_object(text: str, start: int) -> list[Member]:
    """Returns the members of the object that begins at `start` of a valid text."""
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
