"""Malformed values of bodies, forms and tokens as raw text, and where they are put."""

import copy
import json
from collections.abc import Iterator
from typing import Any

# The registry's routes have other parameter names.
REGISTRY_PLACES = {
    "{name}": "my-project/app",
    "{reference}": "v1",
    "{digest}": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "{upload}": "0" * 32,
}
DEPTH = 100_000
JSON_VALUES = {
    "a lone surrogate": r'"\ud800"',
    "a low surrogate in a text": r'"a\udfffb"',
    "a key with a lone surrogate": r'{"\ud800": 1}',
    "NUL": r'"a\u0000b"',
    "400 digits": "9" * 400,
    "400 digits below zero": "-" + "9" * 400,
    "5000 digits": "9" * 5000,
    "30 digits": "9" * 30,
    "2 to the 63rd": str(2**63),
    "beyond a double": "1e400",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "less than nothing": "-1",
    "a fraction": "1.5",
    "a truth value": "true",
    "null": "null",
    "nothing": '""',
    "a word": '"x"',
    "a long text": f'"{"a" * 5000}"',
    "lines": r'"a\r\nb: c"',
    "an empty list": "[]",
    "an empty object": "{}",
    "a list": '["a", 1, null, [], {}]',
    "an object": '{"a": {"b": [1]}}',
    "deep lists": "[" * DEPTH + "]" * DEPTH,
    "deep objects": '{"a":' * DEPTH + "1" + "}" * DEPTH,
    "lists that Python's parser takes": "[" * 600 + "]" * 600,
}
# The same for forms and queries.
ESCAPED_VALUES = {
    "a lone surrogate": "%ed%a0%80",
    "not UTF-8": "%ff",
    "NUL": "a%00b",
    "400 digits": "9" * 400,
    "less than nothing": "-1",
    "nothing": "",
    "a word": "x",
    "a long text": "a" * 5000,
    "lines": "a%0d%0ab%3a%20c",
    "JSON": "%5b1%5d",
    "deep JSON": "%5b" * 5000,
    "escaped surrogate": "%22%5cud800%22",
}


def list_mutations(document: Any) -> Iterator[tuple[str, str]]:
    """Yields (what is wrong, JSON) for each value as each member, as a new one, and as the document."""
    for name, raw in JSON_VALUES.items():
        yield f"all is {name}", raw
        for path in _list_paths(document):
            yield f"{'.'.join(map(str, path))} is {name}", _put(document, path, raw)
        if isinstance(document, dict):
            yield f"one more is {name}", _put({**document, "oneMore": None}, ("oneMore",), raw)
    yield "a key is a lone surrogate", r'{"\ud800": 1}'


def _list_paths(document: Any) -> Iterator[tuple[str | int, ...]]:
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in items:
        yield (name,)
        if isinstance(value, dict | list):
            yield from ((name, *rest) for rest in _list_paths(value))


def _put(document: Any, path: tuple[str | int, ...], raw: str) -> str:
    changed = copy.deepcopy(document)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = "@@"
    return json.dumps(changed).replace('"@@"', raw)
