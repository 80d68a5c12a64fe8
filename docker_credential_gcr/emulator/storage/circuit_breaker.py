"""Circuit breaker of an object store: after failures in a row, requests are refused at once for a second.

    failures in a row   requests
    0 to 4               reach the store
    5 and more          raise StorageUnavailable at once, except one each second, which tries the store

One for each process. It does not make the process unready: manifests and blobs up to 64 KiB, which are rows,
are still served.
"""

import logging
import time
from collections.abc import Callable

from docker_credential_gcr.emulator.runtime.errors import StorageUnavailable

_FAILURES = 5
_REFUSED_FOR_S = 1.0
_logger = logging.getLogger(__name__)


class CircuitBreaker:
    """The failures in a row, and counts for the metrics; its methods may be called from any thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures = 0
        self._refuses_until = 0.0
        self._last_refusal: str | None = None
        self.errors = 0

    @property
    def is_open(self) -> bool:
        """Returns whether requests are refused at once."""
        return self._failures >= _FAILURES

    def check(self) -> None:
        """Raises StorageUnavailable while requests are refused."""
        if not self.is_open:
            return
        if self._now() < self._refuses_until:
            raise StorageUnavailable
        # This request tries the store, and all others are refused for another second.
        self._refuses_until = self._now() + _REFUSED_FOR_S

    def count_success(self) -> None:
        """Ends the failures in a row."""
        if self._failures:
            _logger.warning("the object store answers again")
            self._failures = 0

    def count_failure(self, reason: str, *, is_outage: bool = True) -> None:
        """Counts a request that failed after its retries; only outages of the store lead to refusals."""
        self.errors += 1
        if not is_outage:
            # Once: a sweep may try to delete a hundred objects that this process may not delete.
            if reason != self._last_refusal:
                _logger.warning("the object store refuses a request: %s", reason)
            self._last_refusal = reason
            return
        self._failures += 1
        if self._failures in (1, _FAILURES):
            _logger.warning("the object store fails: %s", reason)
        if self.is_open:
            self._refuses_until = self._now() + _REFUSED_FOR_S
