"""Retry-After: seconds or a date; no other text counts. Row N9 by number."""

import pytest

from docker_credential_gcr.emulator.outgoing.retry_after import find_retry_after_s

NOW = 1796104800.0  # Tue, 01 Dec 2026 06:00:00 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 400, 9_999_999_999.0),
        ("Tue, 01 Dec 2026 06:01:00 GMT", 60.0),
        ("Tue, 01 Dec 2026 05:00:00 GMT", 0.0),
        *((text, None) for text in ("", "-1", "1.5", "soon", "\u0663", "\u00b2")),
        ("Tue, 99 Dec 2026 06:01:00 GMT", None),
    ],
)
def test_n9_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert find_retry_after_s({"retry-after": text}, lambda: NOW) == seconds


def test_without_the_header_there_is_none() -> None:
    assert find_retry_after_s({}) is None
