"""Clock of the emulator: a test can set it, so that no test sleeps."""

import time
from collections.abc import Callable


class Clock:
    """Seconds since the epoch, UTC; follows the system clock until it is set or shifted."""

    def __init__(self, system_clock: Callable[[], float] = time.time) -> None:
        self._system_clock = system_clock
        self._skew_s = 0.0
        self._fixed: float | None = None
        self._offset_s = 0.0

    def now(self) -> float:
        """Returns the present instant."""
        running = self._system_clock() + self._skew_s if self._fixed is None else self._fixed
        return running + self._offset_s

    def follow(self, skew_s: float) -> None:
        """Follows a clock that is `skew_s` seconds ahead of the system clock: that of a shared database.

        Servers with one database then agree on the present instant. A stopped clock keeps its instant.
        """
        self._skew_s = skew_s

    def set(self, now: float) -> None:
        """Stops the clock at `now`."""
        self._fixed, self._offset_s = now, 0.0

    def shift(self, offset_s: float) -> None:
        """Lets the clock run `offset_s` seconds ahead of what it follows; a negative number lets it lag."""
        self._fixed, self._offset_s = None, offset_s

    @property
    def setting(self) -> tuple[float | None, float]:
        """Returns the instant at which the clock is stopped, or None, and how many seconds it runs ahead."""
        return self._fixed, self._offset_s
