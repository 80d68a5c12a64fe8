"""JSON decoder for texts of other programs. It uses the C functions behind `json`, not `json` itself:
importing that takes as long as starting Python."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SPACE = " \t\n\r"
MAX_DEPTH = 100  # deeper nesting would exhaust the stack of a later step
MAX_DIGITS = 400


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class _Context:
    """Attributes of a `json.JSONDecoder` that the C scanner reads."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = staticmethod(_parse_int)
    parse_constant = staticmethod(_refuse_constant)


scan: "Callable[[str, int], tuple[object, int]] | None"
quote: "Callable[[str], str] | None"
try:
    from _json import encode_basestring_ascii as quote
    from _json import make_scanner

    scan = make_scanner(_Context)  # type: ignore[arg-type]
except ImportError:  # an interpreter without CPython's accelerator
    scan = quote = None


def loads(text: str) -> object:
    """Returns the value of a JSON text. Raises ValueError with one line about the fault.

    Refuses values that `json.loads` accepts and a later step fails on: NaN, numbers of more than MAX_DIGITS
    digits, half of a surrogate pair, deep nesting.
    """
    if scan is not None:
        try:
            value, end = scan(text, len(text) - len(text.lstrip(SPACE)))
        except (StopIteration, ValueError, RecursionError, SystemError):
            pass  # `json` finds the fault below; until it is loaded, Python 3.11 can only raise SystemError
        else:
            if not text[end:].strip(SPACE):
                return _check(value, text)
    import json

    try:
        value = json.loads(text, parse_int=_parse_int, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return _check(value, text)


def format_members(members: "Mapping[str, object]") -> str:
    """Returns a JSON object of strings, integers and lists of them on one line, in ASCII."""
    if quote is None:
        import json

        return json.dumps(members, separators=(",", ":"))
    return "{" + ",".join(f"{quote(key)}:{_format(value)}" for key, value in members.items()) + "}"


def _format(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_format, value)) + "]"
    return quote(value) if quote and isinstance(value, str) else str(value)


def _check(value: object, text: str) -> object:
    """Returns the value. Raises ValueError where it nests too deeply or holds half of a surrogate pair."""
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise ValueError("nested too deeply")
    if "\\ud" in text or "\\uD" in text:  # the escape of a surrogate, which is rare
        import json

        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("a text holds half of a surrogate pair") from None
    return value


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level for inner in _iterate(item)]
        if not level:
            return False
    return True


def _iterate(value: object) -> "Iterable[object]":
    """Returns the values in an object or a list."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
