"""Access token: when it is fresh, when it is aging, and that its value never shows."""

import pytest

from docker_credential_gcr.helper.tokens import AccessToken, is_token


@pytest.mark.parametrize(
    ("now", "is_fresh"),
    [(0, True), (3590, True), (3590.5, False), (3591, False), (3600, False), (9999, False)],
)
def test_a_token_is_fresh_while_ten_seconds_are_left(now: float, is_fresh: bool) -> None:
    assert AccessToken("t", expires_at=3600, obtained_at=0).is_fresh(now) is is_fresh


@pytest.mark.parametrize(
    ("lifetime_s", "now", "min_ttl_s", "is_aging"),
    [
        (3600, 3299, 300, False),
        (3600, 3301, 300, True),
        (300, 149, 300, False),  # a five-minute token is fresh for half of its lifetime
        (300, 151, 300, True),
        (3600, 3599, 0, False),
    ],
)
def test_a_token_is_aging_below_min_ttl_or_half_of_its_life(
    lifetime_s: int, now: float, min_ttl_s: float, is_aging: bool
) -> None:
    token = AccessToken("t", expires_at=lifetime_s, obtained_at=0)

    assert token.is_aging(now, min_ttl_s) is is_aging


def test_the_value_does_not_show() -> None:
    token = AccessToken("ya29.secret", expires_at=2, obtained_at=1)

    assert repr(token) == "AccessToken(<hidden>, expires_at=2, obtained_at=1)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ya29.a-b_c=", True),
        ("", False),
        ("a b", False),
        ("a\nb", False),
        ("é", False),
        (None, False),
        (1, False),
    ],
)
def test_a_token_is_printable_ascii(value: object, expected: bool) -> None:
    assert is_token(value) is expected
