"""Headers with which an upstream tells its limit: Docker Hub's RateLimit-….

    ratelimit-limit: 100;w=21600
    ratelimit-remaining: 97;w=21600

https://docs.docker.com/docker-hub/usage/pulls/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

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
