"""One member of a JSON text changes; every other byte stays."""

import json

import pytest

from docker_credential_gcr.helper import json_text

EDITS = [
    ("{}", '{\n\t"h": {\n\t\t"gcr.io": "gcr"\n\t}\n}'),
    ("{ }\n", '{\n\t"h": {\n\t\t"gcr.io": "gcr"\n\t}\n}\n'),
    ('{"a":1}', '{"a":1,"h":{"gcr.io":"gcr"}}'),
    ('{"a": 1}', '{"a": 1, "h": {"gcr.io": "gcr"}}'),
    ('{"a": 1, "h": {}}', '{"a": 1, "h": {"gcr.io": "gcr"}}'),
    ('{"h":{"a":"b"},"z":1}', '{"h":{"a":"b","gcr.io":"gcr"},"z":1}'),
    ('{"h": null}', '{"h": {"gcr.io": "gcr"}}'),
    ('{"h": {"gcr.io": "gcloud", "z": "y"}}', '{"h": {"gcr.io": "gcr", "z": "y"}}'),
    ('{"h": {"gcr.io": "gcr"}, "n": 1e5}', '{"h": {"gcr.io": "gcr"}, "n": 1e5}'),
    ('{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "h": {\n    "gcr.io": "gcr"\n  }\n}\n'),
    ('{\n    "h": {}\n}', '{\n    "h": {\n        "gcr.io": "gcr"\n    }\n}'),
    (
        '{\r\n\t"h": {\r\n\t\t"a": "b"\r\n\t}\r\n}\r\n',
        '{\r\n\t"h": {\r\n\t\t"a": "b",\r\n\t\t"gcr.io": "gcr"\r\n\t}\r\n}\r\n',
    ),
    ('{\r\n  "a": 1\r\n}', '{\r\n  "a": 1,\r\n  "h": {\r\n    "gcr.io": "gcr"\r\n  }\r\n}'),
    ('{\n  "h": { "a": "b" }\n}', '{\n  "h": { "a": "b", "gcr.io": "gcr" }\n}'),
    (
        ' {"n" : 12345678901234567890, "f":1.10,"é":"\\u00e9\\ud800" , "h":{ "a":"b" }} ',
        ' {"n" : 12345678901234567890, "f":1.10,"é":"\\u00e9\\ud800" , "h":{ "a":"b", "gcr.io":"gcr" }} ',
    ),
]


@pytest.mark.parametrize(("before", "after"), EDITS)
def test_a_member_is_set_in_the_manner_of_its_siblings(before: str, after: str) -> None:
    found = json_text.set_member(before, ("h", "gcr.io"), "gcr")

    assert found == after
    assert json_text.set_member(found, ("h", "gcr.io"), "gcr") == found
    expected = json.loads(before)
    expected["h"] = (expected.get("h") or {}) | {"gcr.io": "gcr"}
    assert json.loads(found) == expected


def test_a_list_is_written_once_however_it_is_laid_out() -> None:
    text = '{\n  "a": ["x",\n "y"]\n}'

    assert json_text.set_member(text, ("a",), ["x", "y"]) == text
    assert json_text.set_member(text, ("a",), ["z"]) == '{\n  "a": [\n    "z"\n  ]\n}'


REMOVALS = [
    ('{"a":1}', ("a",), "{}"),
    ('{ "a": 1 }', ("a",), "{}"),
    ('{"a":1,"b":2}', ("a",), '{"b":2}'),
    ('{"a":1, "b":2, "c":3}', ("b",), '{"a":1, "c":3}'),
    ('{\n  "a": 1,\n  "b": 2\n}\n', ("a",), '{\n  "b": 2\n}\n'),
    ('{\n  "a": 1,\n  "b": 2\n}\n', ("b",), '{\n  "a": 1\n}\n'),
    ('{"x": {"a": 1, "b": {}}}', ("x", "a"), '{"x": {"b": {}}}'),
    ('{"x": null}', ("x", "a"), '{"x": null}'),
    ('{"x": {}}', ("x", "a"), '{"x": {}}'),
    ("{}", ("a",), "{}"),
]


@pytest.mark.parametrize(("text", "path", "expected"), REMOVALS)
def test_a_member_is_taken_out_and_the_rest_stays(text: str, path: tuple[str, ...], expected: str) -> None:
    assert json_text.remove_member(text, path) == expected


def test_nothing_is_taken_out_of_what_is_no_object() -> None:
    with pytest.raises(ValueError, match=r"^'x' is not an object$"):
        json_text.remove_member('{"x": [1]}', ("x", "a"))
