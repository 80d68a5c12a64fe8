"""Retry-After of an answer: a number of seconds, or a date.

    retry-after: 120            retry-after: Tue, 01 Dec 2026 06:00:00 GMT

https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
"""

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime


def find_retry_after_s(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Returns the seconds that an answer asks to wait; None without a valid header."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now())
    except (ValueError, TypeError, OverflowError):
        return None
