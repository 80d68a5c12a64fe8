"""Filters on the attributes of messages: https://cloud.google.com/pubsub/docs/subscription-message-filter"""

import pytest

from docker_credential_gcr.emulator.google.pubsub.message_filters import InvalidFilter, matches, parse_filter

PUSH = {"action": "INSERT", "host": "gcr.io", "iam.key": "x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("   ", True),
        ("attributes:action", True),
        ("attributes:missing", False),
        ('attributes.action = "INSERT"', True),
        ('attributes.action="DELETE"', False),
        ('attributes.action != "DELETE"', True),
        ('attributes.missing != "DELETE"', True),
        ('attributes."iam.key" = "x"', True),
        ('hasPrefix(attributes.host, "gcr")', True),
        ('hasPrefix(attributes.host, "us.")', False),
        ('hasPrefix(attributes.missing, "")', False),
        ("NOT attributes:missing", True),
        ("-attributes:action", False),
        ("NOT NOT attributes:action", True),
        ("attributes:action AND attributes:missing", False),
        ("attributes:action OR attributes:missing", True),
        ("attributes:missing OR (attributes:action AND attributes:host)", True),
        ("NOT (attributes:missing OR attributes:action)", False),
        (r'attributes.action = "\u0049NSERT"', True),
    ],
)
def test_a_filter_decides_by_the_attributes(text: str, expected: bool) -> None:
    assert matches(text, PUSH) is expected


@pytest.mark.parametrize(
    "text",
    [
        "attributes",
        "attributes.a",
        "attributes.a =",
        "attributes.a = b",
        "attributes.1a:",
        "attributes:a attributes:b",
        "attributes:a AND attributes:b OR attributes:c",
        "(attributes:a",
        "attributes:a)",
        "hasPrefix(attributes:a)",
        'data = "x"',
        'attributes.a = "\\x"',
        'attributes.a = "unfinished',
        "AND",
        "-attributesx:a",
        "attributes:a;",
        "attributes:" + "a" * 256,
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filter(text)


def test_a_filter_of_the_greatest_depth_is_read() -> None:
    text = "(" * 120 + "attributes:a" + ")" * 120
    assert matches(text, {"a": "b"})
