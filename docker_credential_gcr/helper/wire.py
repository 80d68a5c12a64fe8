"""JSON without `json`: importing that costs as much as starting Python, the C functions behind it nothing."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = " \t\n\r"
CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _Context:
    """What the C scanner reads of a `json.JSONDecoder`."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = CONSTANTS.__getitem__


scan: "Callable[[str, int], tuple[object, int]] | None"
quote: "Callable[[str], str] | None"
try:
    from _json import encode_basestring_ascii as quote
    from _json import make_scanner

    scan = make_scanner(_Context)  # type: ignore[arg-type]
except ImportError:  # an interpreter without CPython's accelerator
    scan = quote = None


def loads(text: str) -> object:
    """The value that `json.loads` gives. Raises ValueError with its text, also when nested too deeply."""
    if scan is not None:
        try:
            value, end = scan(text, len(text) - len(text.lstrip(SPACE)))
        except (StopIteration, ValueError, RecursionError, SystemError):
            pass  # `json` says what is wrong; unless it is loaded, Python 3.11 can only raise SystemError
        else:
            if not text[end:].strip(SPACE):
                return value
    import json

    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def format_strings(members: "dict[str, str]") -> str:
    """A JSON object of strings on one line, in ASCII."""
    if quote is None:
        import json

        return json.dumps(members, separators=(",", ":"))
    return "{" + ",".join(f"{quote(key)}:{quote(value)}" for key, value in members.items()) + "}"
