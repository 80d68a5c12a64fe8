"""Field masks, which name the fields to change: ?updateMask=displayName,oidc.allowedAudiences

https://google.aip.dev/134
"""

from collections.abc import Mapping
from typing import Any

from .calls import Call
from .errors import InvalidArgument
from .message_schema import MISSING, OUTPUT, Field, Fixed, Map, Message, to_camel


def merge_fields(call: Call, current: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """Returns `current` with the fields that ?updateMask names taken from the body.

    Without a mask, and with `*`: see `list_paths`. Raises InvalidArgument.
    """
    return merge_message(call.query.get("updateMask", ""), call.body, current, message)


def merge_message(
    mask: str, body: Mapping[str, Any], current: Mapping[str, Any], message: Message
) -> dict[str, Any]:
    """Returns `current` with the fields that a mask names taken from `body`. Raises InvalidArgument."""
    merged = dict(current)
    for path in list_paths(mask, body, message):
        _set(merged, body, path)
    for name, field in message.items():
        if not isinstance(field, Fixed):
            continue
        if merged.get(name) != current.get(name):
            raise InvalidArgument(f"Invalid update mask: the field {name!r} cannot be changed.")
        if mask in ("", "*") and body.get(name) and body[name] != current.get(name):
            raise InvalidArgument(f"The field {name!r} cannot be changed.")
    return merged


def list_paths(mask: str, body: Mapping[str, Any], message: Message) -> list[list[str]]:
    """Returns the paths that a mask names; `*` stands for all fields, no mask for the fields of `body`.

    Leaves out the fields that only the server sets: clients name them too. Raises InvalidArgument.
    """
    if not mask:
        return [[name] for name in body if _is_settable(message[name])]
    paths = []
    for text in mask.split(","):
        if text.strip() == "*":
            paths += [[name] for name, field in message.items() if _is_settable(field)]
            continue
        path = _parse(text.strip(), message)
        if path:
            paths.append(path)
    return paths


def _is_settable(field: Field) -> bool:
    return not isinstance(field, Fixed) and field not in (OUTPUT, MISSING)


def _parse(text: str, message: Message) -> list[str]:
    """Returns the names in a path; none if only the server sets the field. Raises InvalidArgument."""
    field: Field = message
    path: list[str] = []
    left = text
    while left:
        if isinstance(field, Map):
            key, left = _split_key(left, field)
            path.append(key)
            field = field.values
            continue
        name, _, left = left.partition(".")
        name = to_camel(name)
        if not isinstance(field, dict) or name not in field or field[name] is MISSING:
            break
        path.append(name)
        field = field[name]
    else:
        return [] if not text or field is OUTPUT else path
    raise InvalidArgument(f"Invalid update mask: the field {to_camel(text)[:100]!r} is unknown.")


def _split_key(text: str, field: Map) -> tuple[str, str]:
    """Returns the key of a map at the head of a path, and the rest of the path.

    A key with special characters is quoted with backticks. Where no member can follow, a key may hold dots.
    """
    if text.startswith("`"):
        key, _, left = text[1:].partition("`")
        return key, left.removeprefix(".")
    if not isinstance(field.values, dict):
        return text, ""
    key, _, left = text.partition(".")
    return key, left


def _set(merged: dict[str, Any], body: Mapping[str, Any], path: list[str]) -> None:
    """Sets the path in `merged` to the value in `body`, or removes it if `body` has none."""
    name, *inner = path
    new = body.get(name)
    if inner:
        whole = dict(merged.get(name) or {})
        _set(whole, new or {}, inner)
        new = whole or None
    if new is None:
        merged.pop(name, None)
    else:
        merged[name] = new
