"""The emulator's clock, which a test can set, so that no test sleeps."""

import time
from collections.abc import Callable


class Clock:
    """Seconds since the epoch, UTC; follows the machine's clock until it is set or shifted."""

    def __init__(self, machine: Callable[[], float] = time.time) -> None:
        self._machine = machine
        self._fixed: float | None = None
        self._offset_s = 0.0

    def now(self) -> float:
        """The present instant."""
        return (self._machine() if self._fixed is None else self._fixed) + self._offset_s

    def set(self, now: float) -> None:
        """Stand still at `now`."""
        self._fixed, self._offset_s = now, 0.0

    def shift(self, offset_s: float) -> None:
        """Run `offset_s` seconds ahead of the machine's clock (behind it when negative)."""
        self._fixed, self._offset_s = None, offset_s

    @property
    def setting(self) -> tuple[float | None, float]:
        """The instant at which it stands still, if it does, and how far ahead it runs."""
        return self._fixed, self._offset_s
