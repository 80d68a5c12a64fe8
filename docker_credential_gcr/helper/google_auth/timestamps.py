"""Timestamps: parses those of Google into seconds since the epoch."""

import re
from datetime import datetime, timezone

# https://www.rfc-editor.org/rfc/rfc3339#section-5.6, with up to nine digits of a second; the zone is optional
PATTERN = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|([+-]\d\d:\d\d))?")


def parse_instant(text: str) -> int:
    """Returns whole seconds since the epoch; a time without a zone is UTC. Raises ValueError."""
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r:.60} is not a time")
    date, clock, offset = match.groups()
    return int(datetime.fromisoformat(f"{date}T{clock}{offset or '+00:00'}").timestamp())


def parse_naive(instant: datetime) -> int:
    """Returns whole seconds since the epoch; a time without a zone is UTC, as in Google's libraries."""
    return int(instant.replace(tzinfo=instant.tzinfo or timezone.utc).timestamp())
