"""Cost budget of CEL: limits what all expressions of one token exchange compute together.

Without it a short expression could create texts of gigabytes, because `join` multiplies.
https://github.com/google/cel-spec/blob/master/doc/langdef.md#performance
"""

from collections.abc import Mapping
from typing import Any

# Fifty mappings and a condition over a token of 16 KiB need far less; the whole budget takes 25 ms and 2 MiB.
MAX_STEPS = 5_000
MAX_CHARACTERS = 512 * 1024
# An element takes as long as a short text.
_ELEMENT = 16


class CostExceeded(Exception):
    """The expressions compute more than one exchange may."""


class Budget:
    """The steps and characters that are left; a step is one operation, or one element of a macro's list."""

    __slots__ = ("_characters", "_steps")

    def __init__(self) -> None:
        self._steps = MAX_STEPS
        self._characters = MAX_CHARACTERS

    def spend_step(self) -> None:
        """Counts one step. Raises CostExceeded."""
        self._steps -= 1
        if self._steps < 0:
            raise CostExceeded

    def spend(self, value: Any) -> None:
        """Counts the cost of reading or creating the whole value. Raises CostExceeded."""
        if isinstance(value, str):
            self._spend_characters(len(value))
        elif isinstance(value, list | Mapping):
            self._spend_characters(_ELEMENT * len(value))
            for part in (*value, *value.values()) if isinstance(value, Mapping) else value:
                self.spend(part)

    def _spend_characters(self, count: int) -> None:
        self._characters -= count
        if self._characters < 0:
            raise CostExceeded


def check_size(characters: int) -> None:
    """Refuses a text of that size before it is created. Raises CostExceeded."""
    if characters > MAX_CHARACTERS:
        raise CostExceeded
