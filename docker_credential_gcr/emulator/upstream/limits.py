"""Headers with which an upstream limits its callers: Retry-After and Docker Hub's RateLimit-….

    retry-after: 120            retry-after: Tue, 01 Dec 2026 06:00:00 GMT
    ratelimit-limit: 100;w=21600
    ratelimit-remaining: 97;w=21600

https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
https://docs.docker.com/docker-hub/usage/pulls/
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_RATE = re.compile(r"(\d{1,9})(?:[ \t]*;[ \t]*w=(\d{1,9}))?")


@dataclass(frozen=True)
class PullLimit:
    """What an upstream last said of its limit: pulls in a window of seconds, and how many are left."""

    limit: int | None
    remaining: int
    window_s: int | None


def find_pull_limit(headers: Mapping[str, str]) -> PullLimit | None:
    """Returns the limit that an answer names, or None."""
    remaining = _RATE.fullmatch(headers.get("ratelimit-remaining", "").strip())
    if remaining is None:
        return None
    limit = _RATE.fullmatch(headers.get("ratelimit-limit", "").strip())
    window = remaining[2] or (limit[2] if limit else None)
    return PullLimit(int(limit[1]) if limit else None, int(remaining[1]), int(window) if window else None)


def find_retry_after_s(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Returns the seconds that an answer asks to wait; None without a valid header."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now())
    except (ValueError, TypeError, OverflowError):
        return None
