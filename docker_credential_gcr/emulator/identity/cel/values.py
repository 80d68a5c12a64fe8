"""Values of CEL, as Python's JSON types, and the functions and methods on them."""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from .budget import check_size

_MAX_PARTS = 1000


class EvaluationError(Exception):
    """The expression has no value for these claims, such as for a missing claim."""


def extract(value: str, template: str) -> str:
    """Returns the part of `value` at the {name} of the template; "" if the template does not match.

    https://cloud.google.com/iam/docs/conditions-attribute-reference#extract
    """
    before, _, rest = template.partition("{")
    _, _, after = rest.partition("}")
    _, found, tail = value.partition(before) if before else ("", "", value)
    if before and not found:
        return ""
    if not after:
        return tail
    extracted, found, _ = tail.partition(after)
    return extracted if found else ""


def select(value: Any, key: Any) -> Any:
    """Returns a member of an object, or an element of a list."""
    if isinstance(value, Mapping) and isinstance(key, str) and key in value:
        return value[key]
    if isinstance(value, list) and type(key) is int and 0 <= key < len(value):
        return value[key]
    # A key of another type may be large.
    raise EvaluationError(
        f"there is no {key[:100]!r}" if isinstance(key, str) else "there is no such element"
    )


def add(left: Any, right: Any) -> Any:
    """Adds two numbers, or joins two texts or lists."""
    if (
        type(left) is type(right)
        and isinstance(left, str | int | float | list)
        and not isinstance(left, bool)
    ):
        return left + right
    raise EvaluationError("only texts, numbers and lists can be added to their like")


def get_size(value: Any) -> int:
    """Returns the number of characters, elements or members."""
    if isinstance(value, str | list | Mapping):
        return len(value)
    raise EvaluationError("only texts, lists and objects have a size")


def to_text(value: Any) -> str:
    """Converts a text, a number or a bool to a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise EvaluationError("only texts, numbers and bools have a text")


def _is_equal(left: Any, right: Any) -> bool:
    # To Python 1 is True.
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _is_in(value: Any, collection: Any) -> bool:
    if isinstance(collection, list):
        return any(_is_equal(value, item) for item in collection)
    if isinstance(collection, Mapping):
        return isinstance(value, str) and value in collection
    raise EvaluationError("only lists and objects can be searched")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def evaluate(left: Any, right: Any) -> bool:
        both = (left, right)
        is_number = [isinstance(each, int | float) and not isinstance(each, bool) for each in both]
        if not all(is_number) and not all(isinstance(each, str) for each in both):
            raise EvaluationError("only texts and numbers have an order")
        return compare(left, right)

    return evaluate


RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _is_equal,
    "!=": lambda left, right: not _is_equal(left, right),
    "<": _ordered(lt),
    "<=": _ordered(le),
    ">": _ordered(gt),
    ">=": _ordered(ge),
    "in": _is_in,
}


def _of_texts(method: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(*values: Any) -> Any:
        if not all(isinstance(value, str) for value in values):
            raise EvaluationError("this method takes texts only")
        return method(*values)

    return evaluate


def _split(text: str, separator: str) -> list[str]:
    parts = text.split(separator, _MAX_PARTS) if separator else list(text[: _MAX_PARTS + 1])
    if len(parts) > _MAX_PARTS:
        raise EvaluationError(f"a text is split into at most {_MAX_PARTS} parts")
    return parts


def _join(values: Any, separator: str = "") -> str:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in (separator, *values)):
        raise EvaluationError("only a list of texts can be joined")
    check_size(sum(map(len, values)) + len(separator) * len(values))
    return separator.join(values)


# method -> (allowed numbers of arguments, function)
METHODS: dict[str, tuple[tuple[int, ...], Callable[..., Any]]] = {
    "contains": ((1,), _of_texts(lambda text, part: part in text)),
    "endsWith": ((1,), _of_texts(str.endswith)),
    "extract": ((1,), _of_texts(extract)),
    "join": ((0, 1), _join),
    "lowerAscii": ((0,), _of_texts(str.lower)),
    "size": ((0,), get_size),
    "split": ((1,), _of_texts(_split)),
    "startsWith": ((1,), _of_texts(str.startswith)),
    "upperAscii": ((0,), _of_texts(str.upper)),
}
