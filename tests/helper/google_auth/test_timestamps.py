"""Timestamps of Google as seconds since the epoch."""

from datetime import datetime, timezone

import pytest

from docker_credential_gcr.helper.google_auth import timestamps


@pytest.mark.parametrize(
    "text",
    [
        "2023-11-14T22:13:20Z",
        "2023-11-14t22:13:20z",
        "2023-11-14 22:13:20",
        "2023-11-14T22:13:20.999999999Z",
        "2023-11-14T23:13:20+01:00",
    ],
)
def test_an_instant_is_whole_seconds_since_the_epoch(text: str) -> None:
    assert timestamps.parse_instant(text) == 1_700_000_000


@pytest.mark.parametrize(
    "text", ["", "soon", "2023-11-14", "2023-13-14T22:13:20Z", "2023-11-14T22:13:20+99:00"]
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time|month|offset|timedelta"):
        timestamps.parse_instant(text)


def test_a_naive_time_is_utc() -> None:
    instants = [datetime(2023, 11, 14, 22, 13, 20), datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)]

    assert [timestamps.parse_naive(instant) for instant in instants] == [1_700_000_000] * 2
