"""Circuit breaker of one upstream: when copies are served without asking it (M2, M3).

    after            a re-check of what has a copy           a fetch of what has none
    a failure        not for 5 s, doubled up to a minute;    asks the upstream
                     then one request tries
    429              not until Retry-After                   UpstreamLimited until Retry-After

The first failure opens it: a request has been repeated before it fails. Times are of the injected clock.
"""

from collections.abc import Callable

_FIRST_S = 5.0
_MOST_S = 60.0
# Docker Hub counts by six hours, and a wrong Retry-After must not pause an upstream for years.
MAX_RETRY_AFTER_S = 6 * 3600.0


class UpstreamBreaker:
    """The state of an upstream in this process."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._pause_s = 0.0
        self._closed_until = 0.0
        self._limited_until = 0.0

    @property
    def limited_for_s(self) -> float:
        """Returns for how many seconds the upstream's limit forbids every request; 0 if it does not."""
        return max(0.0, self._limited_until - self._now())

    def take_recheck(self) -> bool:
        """Returns whether a copy may be re-checked now; in an outage, one caller may after each pause."""
        now = self._now()
        if now < self._limited_until or now < self._closed_until:
            return False
        if self._pause_s:
            self._closed_until = now + self._pause_s
        return True

    def count_success(self) -> None:
        """Notes that the upstream answers."""
        self._pause_s = self._closed_until = 0.0

    def count_failure(self, retry_after_s: float | None = None) -> None:
        """Notes an outage, perhaps with the end that the upstream announced."""
        self._pause_s = min(max(_FIRST_S, self._pause_s * 2), _MOST_S)
        announced_s = min(retry_after_s or 0.0, MAX_RETRY_AFTER_S)
        self._closed_until = self._now() + max(self._pause_s, announced_s)

    def count_limit(self, retry_after_s: float) -> None:
        """Notes a 429."""
        self._limited_until = self._now() + min(retry_after_s, MAX_RETRY_AFTER_S)
