"""Edits of a JSON file: order and values of all other members stay, and the indentation of the text."""

import json

import pytest

from docker_credential_gcr.helper.configure import json_file

EDITS = [
    ("{}", '{\n\t"h": {\n\t\t"gcr.io": "gcr"\n\t}\n}'),
    ("{ }\n", '{\n\t"h": {\n\t\t"gcr.io": "gcr"\n\t}\n}\n'),
    ('{"a":1}', '{"a":1,"h":{"gcr.io":"gcr"}}'),
    ('{"a": 1}', '{"a": 1, "h": {"gcr.io": "gcr"}}'),
    ('{"a": 1, "h": {}}', '{"a": 1, "h": {"gcr.io": "gcr"}}'),
    ('{"h":{"a":"b"},"z":1}', '{"h":{"a":"b","gcr.io":"gcr"},"z":1}'),
    ('{"h": null}', '{"h": {"gcr.io": "gcr"}}'),
    ('{"h": {"gcr.io": "gcloud", "z": "y"}}', '{"h": {"gcr.io": "gcr", "z": "y"}}'),
    ('{ "h" : {"gcr.io":"gcr"}, "n": 1e5}', '{ "h" : {"gcr.io":"gcr"}, "n": 1e5}'),
    ('{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "h": {\n    "gcr.io": "gcr"\n  }\n}\n'),
    ('{\n    "h": {}\n}', '{\n    "h": {\n        "gcr.io": "gcr"\n    }\n}'),
    ('{\n"h": {}\n}\n\n', '{\n"h": {\n"gcr.io": "gcr"\n}\n}\n\n'),
    ('{\n\t"a":[1]\n}', '{\n\t"a":[\n\t\t1\n\t],\n\t"h":{\n\t\t"gcr.io":"gcr"\n\t}\n}'),
    (
        '{\r\n\t"h": {\r\n\t\t"a": "b"\r\n\t}\r\n}\r\n',
        '{\r\n\t"h": {\r\n\t\t"a": "b",\r\n\t\t"gcr.io": "gcr"\r\n\t}\r\n}\r\n',
    ),
    ('{\n  "h": { "a": "b" }\n}', '{\n  "h": {\n    "a": "b",\n    "gcr.io": "gcr"\n  }\n}'),
    (
        ' {"n" : 12345678901234567890, "f":1.10,"\\u00e9":"\\u00e9<\\/>\\n" , "h":{ "a":"b" }} ',
        '{"n": 12345678901234567890, "f": 1.10, "é": "é</>\\n", "h": {"a": "b", "gcr.io": "gcr"}} ',
    ),
    (
        '{"x":[1e400,-0.0,1E-7,"1e400",true,null]}',
        '{"x":[1e400,-0.0,1E-7,"1e400",true,null],"h":{"gcr.io":"gcr"}}',
    ),
    # Members of equal names: objects at the top are merged, as docker does, else the last one is taken.
    ('{"h":{"a":"b","a":"c"},"h":{"d":"e"}}', '{"h":{"a":"c","d":"e","gcr.io":"gcr"}}'),
    ('{"h":{"a":"b"},"h":null}', '{"h":{"gcr.io":"gcr"}}'),
    ('{"h":null,"h":{"a":"b"}}', '{"h":{"a":"b","gcr.io":"gcr"}}'),
    ('{"x":{"y":{"a":1},"y":{"b":2}},"x":{"z":3}}', '{"x":{"y":{"b":2},"z":3},"h":{"gcr.io":"gcr"}}'),
]


def set_helper(text: str) -> str:
    return json_file.edit(text, lambda content: json_file.set_value(content, ("h", "gcr.io"), "gcr"))


@pytest.mark.parametrize(("before", "after"), EDITS)
def test_a_member_is_set_and_the_text_keeps_its_layout(before: str, after: str) -> None:
    found = set_helper(before)

    assert found == after
    assert set_helper(found) == found
    assert json.loads(found)["h"]["gcr.io"] == "gcr"


def test_a_text_that_says_it_all_already_stays_as_it_is() -> None:
    text = '{\n  "a": ["x",\n "y"], "f": 1.10}'

    assert json_file.edit(text, lambda content: json_file.set_value(content, ("a",), ["x", "y"])) == text


REMOVALS = [
    ('{"a":1}', ("a",), "{}"),
    ('{ "a": 1 }', ("a",), "{}"),
    ('{"a":1,"b":2}', ("a",), '{"b":2}'),
    ('{\n  "a": 1,\n  "b": 2\n}\n', ("a",), '{\n  "b": 2\n}\n'),
    ('{"x": {"a": 1, "b": {}}}', ("x", "a"), '{"x": {"b": {}}}'),
    ('{"x": null}', ("x", "a"), '{"x": null}'),
    ('{"x": {}}', ("x", "a"), '{"x": {}}'),
    ("{}", ("a",), "{}"),
    ("{}", ("x", "a"), "{}"),
]


@pytest.mark.parametrize(("text", "path", "expected"), REMOVALS)
def test_a_member_is_taken_out_and_the_rest_stays(text: str, path: tuple[str, ...], expected: str) -> None:
    assert json_file.edit(text, lambda content: json_file.remove_value(content, path)) == expected


def test_nothing_is_set_in_and_taken_out_of_what_is_no_object() -> None:
    for content in ({"x": [1]}, {"x": False}):
        with pytest.raises(ValueError, match=r"^'x' is not an object$"):
            json_file.remove_value(content, ("x", "a"))
        with pytest.raises(ValueError, match=r"^'x' is not an object$"):
            json_file.set_value(content, ("x", "a"), 1)
