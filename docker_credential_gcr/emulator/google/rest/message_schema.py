"""Schemas of protobuf messages: which members a JSON body may have, and their types.

    {"displayName": VALUE, "labels": Map(VALUE), "oidc": {"issuerUri": VALUE}, "createTime": OUTPUT}

A member may be spelled displayName or display_name, null means that it is absent, and an unknown member is
an error. Values are returned in protobuf's canonical form. https://protobuf.dev/programming-guides/json/
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union

from .errors import InvalidArgument

_SNAKE = re.compile(r"_([a-z0-9])")
_CAPITAL = re.compile(r"[A-Z]")
_DURATION = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?s", re.ASCII)
# https://protobuf.dev/reference/protobuf/google.protobuf/#duration
_MAX_DURATION_S = 315_576_000_000
_COUNTS = range(2**31)
_MAX_DIGITS = 10


@dataclass(frozen=True)
class Scalar:
    """A value of one kind; the function that uses a VALUE checks its type."""

    kind: str


@dataclass(frozen=True)
class Enum:
    """One of several names, in any letter case; a client may send the number instead.

    The number 0 is the default: a member with it is absent.
    """

    numbers: Mapping[int, str]


@dataclass(frozen=True)
class Map:
    """An object with keys that the client chooses; their spelling is not changed."""

    values: "Field"


@dataclass(frozen=True)
class List:
    """A list of values of one type."""

    items: "Field"


@dataclass(frozen=True)
class Fixed:
    """A member that is set when the resource is created, and cannot be changed later."""

    field: "Field"


Message = dict[str, "Field"]
Field = Union[Scalar, Enum, Map, List, Fixed, Message]  # noqa: UP007 - it names itself

VALUE, TEXT, FLAG, COUNT, DURATION = map(Scalar, ("value", "string", "boolean", "count", "duration"))
# Set by the server alone: clients send it back as they read it, and it is ignored.
OUTPUT = Scalar("output")
# Google's API has it and gcr-emulator does not: it is an error unless it is empty.
MISSING = Scalar("missing")


def to_camel(name: str) -> str:
    """Returns a name in JSON's spelling: displayName for display_name."""
    return _SNAKE.sub(lambda match: match[1].upper(), name)


def to_snake(name: str) -> str:
    """Returns a name in protobuf's spelling: display_name for displayName."""
    return _CAPITAL.sub(lambda match: f"_{match[0].lower()}", name)


def read_message(document: Mapping[str, Any], message: Message, at: str = "") -> dict[str, Any]:
    """Returns the document's members, by their names in JSON's spelling. Raises InvalidArgument."""
    read: dict[str, Any] = {}
    for spelled, value in document.items():
        name = to_camel(spelled) if spelled not in message else spelled
        path = f"{at}.{name}" if at else name
        if name not in message:
            where = f" at '{to_snake(at)}'" if at else ""
            raise InvalidArgument(
                f'Invalid JSON payload received. Unknown name "{spelled[:100]}"{where}: Cannot find field.'
            )
        if name in read:
            raise InvalidArgument(f"Invalid JSON payload received. The field {path} is given twice.")
        field = message[name]
        if value is not None and field is not OUTPUT:
            read[name] = _read(value, field, path)
            if read[name] is None:
                del read[name]
    if MISSING in message.values():
        _check_missing(read, message, at)
    return {name: value for name, value in read.items() if message[name] is not MISSING}


def _check_missing(read: Mapping[str, Any], message: Message, at: str) -> None:
    for name, value in read.items():
        if message[name] is MISSING and value not in ("", 0, [], {}):
            raise InvalidArgument(f"gcr-emulator has no {at}{'.' if at else ''}{name}: leave it out.")


def _read(value: Any, field: Field, path: str) -> Any:
    if isinstance(field, Fixed):
        return _read(value, field.field, path)
    if isinstance(field, Scalar):
        return _read_scalar(value, field, path)
    if isinstance(field, Enum):
        return _read_enum(value, field, path)
    if isinstance(field, List):
        return _read_list(value, field, path)
    if not isinstance(value, dict):
        raise InvalidArgument(f"Invalid value at '{to_snake(path)}': it must be an object.")
    if isinstance(field, Map):
        return {key: _read(item, field.values, f"{path}.{key}") for key, item in value.items()}
    return read_message(value, field, path)


def _read_list(value: Any, field: List, path: str) -> Any:
    if not isinstance(value, list):
        raise InvalidArgument(f"Invalid value at '{to_snake(path)}': it must be a list.")
    return [_read(item, field.items, path) for item in value]


def _read_scalar(value: Any, field: Scalar, path: str) -> Any:
    if field.kind not in _READERS:
        return value
    read = _READERS[field.kind](value)
    if read is None:
        raise InvalidArgument(f"Invalid value at '{to_snake(path)}': it must be a {field.kind}.")
    return read


def _read_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _read_flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _read_count(value: Any) -> int | None:
    """Returns the number in 5, 5.0 or "5"; None for any other value."""
    is_text = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
    if is_text or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and value in _COUNTS
    return value if is_count else None


def _read_duration(value: Any) -> str | None:
    """Returns a duration with 0, 3, 6 or 9 digits after the point: 1.500s for 1.5s; None if it is not one."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > _MAX_DURATION_S:
        return None
    fraction = (match[2] or "").rstrip("0")
    fraction += "0" * (-len(fraction) % 3)
    return f"{int(match[1])}{'.' if fraction else ''}{fraction}s"


_READERS: dict[str, Callable[[Any], Any]] = {
    TEXT.kind: _read_text,
    FLAG.kind: _read_flag,
    COUNT.kind: _read_count,
    DURATION.kind: _read_duration,
}


def _read_enum(value: Any, field: Enum, path: str) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        name = field.numbers.get(value)
    else:
        name = value.upper() if isinstance(value, str) else None
    if name not in field.numbers.values():
        known = ", ".join(field.numbers.values())
        raise InvalidArgument(f"Invalid value at '{to_snake(path)}': it must be one of {known}.")
    return None if name == field.numbers[0] else name
