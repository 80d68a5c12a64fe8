"""JSON from clients is decoded by one rule; documents that were stored before that rule stay readable."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_credential_gcr.emulator.runtime.strict_json import (
    MAX_DEPTH,
    InvalidJson,
    decode,
    decode_stored,
    decode_unique,
    is_escaped_text,
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (r'"\ud800"', "a string holds a lone surrogate or NUL"),
        (r'"\udfff\ud800"', "a string holds a lone surrogate or NUL"),
        (r'["a", {"b": ["\ud83d"]}]', "a string holds a lone surrogate or NUL"),
        (r'{"\ud800": 1}', "a string holds a lone surrogate or NUL"),
        (r'"a\u0000"', "a string holds a lone surrogate or NUL"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("1e400", "a number is too large"),
        ("9" * 400, "a number is too large"),
        ("-" + "9" * 5000, "a number is too large"),
        ("[" * 101 + "]" * 101, "it is nested more than 100 levels deep"),
        ('{"a":' * 101 + "1" + "}" * 101, "it is nested more than 100 levels deep"),
        ("[" * 100_000 + "]" * 100_000, "it is nested more than 100 levels deep"),
        (b"\xff", "it is not UTF-8"),
        ('"\0"', "Invalid control character at: line 1 column 2 (char 1)"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_z23_z24_what_cannot_be_kept_and_read_back_is_refused(text: bytes | str, reason: str) -> None:
    with pytest.raises(InvalidJson) as refusal:
        decode(text)
    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud83d\ude00\u00e9\\ud800"', "\U0001f600é\\ud800"),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
        (json.dumps([[[number] for number in range(99)]] * 99), None),
    ],
)
def test_what_can_be_kept_is_taken(text: bytes | str, value: object) -> None:
    assert decode(text) == (json.loads(text) if value is None else value)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_z24_an_integer_of_more_than_64_bits_is_a_double(number: int) -> None:
    value = decode(str(number))
    assert (type(value), value) == (float, float(number))


def test_a_key_that_stands_twice_is_refused_where_two_readers_must_see_the_same() -> None:
    assert decode('{"a": 1, "a": 2}') == {"a": 2}
    with pytest.raises(InvalidJson, match="a key stands twice in one object"):
        decode_unique('{"a": 1, "a": 2}')


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("aé"), inner),
)


@settings(max_examples=50, deadline=None)
@given(VALUES, st.booleans())
def test_any_value_of_unicode_texts_and_doubles_is_taken_however_it_is_written(
    value: object, is_ascii: bool
) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    assert decode(text) == value
    assert decode_stored(text) == value


def test_z23_what_an_earlier_version_stored_is_readable() -> None:
    stored = json.dumps({"\ud800": ["a\udfff", "\U0001f600"], "n": [math.inf, math.nan]})
    assert decode_stored(stored) == {"\ufffd": ["a\ufffd", "\U0001f600"], "n": [None, None]}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        *((data, True) for data in (b"", b"a%20b", b"%c3%a9", "é".encode(), b"%")),
        *((data, False) for data in (b"%00", b"\0", b"%ff", b"\xff", b"%ed%a0%80")),
    ],
)
def test_z23_a_query_is_text_where_its_escapes_are(data: bytes, expected: bool) -> None:
    assert is_escaped_text(data) is expected
