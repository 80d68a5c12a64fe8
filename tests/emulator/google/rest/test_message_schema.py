"""Values of request messages: protobuf's JSON accepts several spellings, and answers have the canonical one.

https://protobuf.dev/programming-guides/json/
"""

from typing import Any

import pytest

from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.message_schema import (
    COUNT,
    DURATION,
    FLAG,
    OUTPUT,
    TEXT,
    Enum,
    List,
    Map,
    Message,
    read_message,
)

MESSAGE: Message = {
    "someText": TEXT,
    "someFlag": FLAG,
    "someCount": COUNT,
    "someTime": DURATION,
    "someState": Enum({0: "STATE_UNSPECIFIED", 1: "ON", 3: "OFF"}),
    "someNames": List(TEXT),
    "someLabels": Map(TEXT),
    "someMessages": Map({"someText": TEXT}),
    "createTime": OUTPUT,
}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"someText": "a"}, {"someText": "a"}),
        ({"some_text": "a"}, {"someText": "a"}),
        ({"someText": ""}, {"someText": ""}),
        ({"someText": None, "someFlag": None, "someLabels": None}, {}),
        ({"createTime": {"any": "thing"}}, {}),
        ({"someFlag": False}, {"someFlag": False}),
        ({"someCount": 5}, {"someCount": 5}),
        ({"someCount": "5"}, {"someCount": 5}),
        ({"someCount": 5.0}, {"someCount": 5}),
        ({"someCount": 2**31 - 1}, {"someCount": 2**31 - 1}),
        ({"someTime": "30s"}, {"someTime": "30s"}),
        ({"someTime": "2592000.0s"}, {"someTime": "2592000s"}),
        ({"someTime": "007s"}, {"someTime": "7s"}),
        ({"someTime": "1.5s"}, {"someTime": "1.500s"}),
        ({"someTime": "1.0001s"}, {"someTime": "1.000100s"}),
        ({"someTime": "1.123456789s"}, {"someTime": "1.123456789s"}),
        ({"someTime": "315576000000s"}, {"someTime": "315576000000s"}),
        ({"someState": "ON"}, {"someState": "ON"}),
        ({"someState": "on"}, {"someState": "ON"}),
        ({"someState": "Off"}, {"someState": "OFF"}),
        ({"someState": 3}, {"someState": "OFF"}),
        ({"someState": 0}, {}),
        ({"someState": "STATE_UNSPECIFIED"}, {}),
        ({"someNames": ["a", ""]}, {"someNames": ["a", ""]}),
        ({"someLabels": {"some_key": "a"}}, {"someLabels": {"some_key": "a"}}),
        (
            {"someMessages": {"some_key": {"some_text": "a"}}},
            {"someMessages": {"some_key": {"someText": "a"}}},
        ),
    ],
    ids=str,
)
def test_a_value_is_read_in_every_spelling(sent: dict[str, Any], read: dict[str, Any]) -> None:
    assert read_message(sent, MESSAGE) == read


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"nothing": 1}, 'Invalid JSON payload received. Unknown name "nothing": Cannot find field.'),
        (
            {"someMessages": {"a": {"nothing": 1}}},
            "Invalid JSON payload received. Unknown name \"nothing\" at 'some_messages.a': "
            "Cannot find field.",
        ),
        ({"someText": 1}, "Invalid value at 'some_text': it must be a string."),
        ({"someFlag": "true"}, "Invalid value at 'some_flag': it must be a boolean."),
        *(
            ({"someCount": value}, "Invalid value at 'some_count': it must be a count.")
            for value in (-1, 1.5, "1.5", "", True, 2**31, float("inf"), "9" * 5000, [])
        ),
        *(
            ({"someTime": value}, "Invalid value at 'some_time': it must be a duration.")
            for value in (30, "30", "30d", "-1s", ".5s", "1.s", "1.1234567891s", "315576000001s")
        ),
        *(
            (
                {"someState": value},
                "Invalid value at 'some_state': it must be one of STATE_UNSPECIFIED, ON, OFF.",
            )
            for value in (2, True, "on ", "", "1", ["ON"])
        ),
        ({"someNames": "a"}, "Invalid value at 'some_names': it must be a list."),
        ({"someNames": [None]}, "Invalid value at 'some_names': it must be a string."),
        ({"someLabels": {"a": None}}, "Invalid value at 'some_labels.a': it must be a string."),
        ({"someMessages": {"a": None}}, "Invalid value at 'some_messages.a': it must be an object."),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(sent: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_message(sent, MESSAGE)
    assert str(caught.value) == text
