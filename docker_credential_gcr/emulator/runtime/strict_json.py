"""Strict JSON decoder: the one rule for the JSON of clients, in every API, form and token.

These are refused as well, because a database, a JSON encoder or a clock fails on them later:

    "\\ud800"              a lone surrogate, which is not Unicode
    "\\u0000"              NUL
    NaN, Infinity, 1e400   a number that is not a finite double
    [[[…]]]                more than 100 levels, which is also Google's limit

An integer of more than 64 bits is read as a double, as Google's APIs read it: where a whole number is
expected it is then of the wrong type. https://www.rfc-editor.org/rfc/rfc8259#section-8.2
"""

import json
from typing import Any
from urllib.parse import unquote_to_bytes

MAX_DEPTH = 100
# No double has more digits; int() takes quadratic time.
_DIGITS = 310
_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


class InvalidJson(ValueError):
    """The text is not JSON, or JSON that cannot be stored and read back."""


def is_text(text: str) -> bool:
    """Returns whether the text is valid Unicode without NUL."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def cut_at_nul(key: str) -> str:
    """Returns the part of a key before NUL: what follows either in a list of keys without NUL is the same."""
    # PostgreSQL cannot compare a text that has NUL.
    return key.partition("\0")[0]


def is_escaped_text(data: bytes) -> bool:
    """Returns whether a path, a query or a form, with its percent escapes, is valid UTF-8 without NUL."""
    if b"%" not in data and data.isascii():
        return b"\0" not in data
    try:
        return "\0" not in unquote_to_bytes(data).decode()
    except UnicodeDecodeError:
        return False


def decode(data: bytes | str) -> Any:
    """Decodes a JSON text. Raises InvalidJson."""
    return _decode(data, _DECODER)


def decode_unique(data: bytes | str) -> Any:
    """Decodes a JSON text; refuses an object that has a key twice: parsers differ in which one counts.

    For a document that is stored as its bytes: its numbers are not checked, which would take longest.
    Raises InvalidJson.
    """
    return _decode(data, _UNIQUE)


def decode_stored(text: str) -> Any:
    """Decodes a stored JSON text, with U+FFFD for lone surrogates and null for NaN and Infinity.

    An earlier version stored them, and no response could hold such a document.
    """
    value = json.loads(text, parse_constant=lambda _constant: None)
    if "\\ud" not in text:
        return value
    pairs = json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")
    return json.loads(pairs.decode("utf-16-le", "replace"))


def _decode(data: bytes | str, decoder: json.JSONDecoder) -> Any:
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidJson("it is not UTF-8") from error
    try:
        value = decoder.decode(text)
    except RecursionError as error:
        raise InvalidJson(_TOO_DEEP) from error
    except ValueError as error:
        raise InvalidJson(str(error)) from error
    # Most texts are short of that many brackets and have no escape: nothing to check.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    if "\\u" in text:
        _check_texts(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for container in level
            for part in (container.values() if isinstance(container, dict) else container)
            if isinstance(part, dict | list)
        ]
        if not level:
            return
    raise InvalidJson(_TOO_DEEP)


def _check_texts(value: Any) -> None:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str) and not is_text(item):
            raise InvalidJson("a string holds a lone surrogate or NUL")
        if isinstance(item, dict):
            left += item
            left += item.values()
        elif isinstance(item, list):
            left += item


def _read_integer(text: str) -> int | float:
    if len(text) > _DIGITS:
        raise ValueError("a number is too large")
    whole = int(text)
    return whole if -(2**63) <= whole < 2**63 else _read_float(text)


def _read_float(text: str) -> float:
    number = float(text)
    if abs(number) == _INFINITE:
        raise ValueError("a number is too large")
    return number


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return document


_INFINITE = float("inf")
# Created once: json.loads would create a decoder for each text.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float, parse_int=_read_integer)
_UNIQUE = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)
