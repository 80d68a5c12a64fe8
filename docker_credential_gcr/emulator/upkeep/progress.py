"""Progress of upkeep: what is being done, and how much of it is done."""

from typing import Protocol

BYTES = "bytes"


class Progress(Protocol):
    """Is told of each step as it begins, and of each part of it."""

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Begin a step of so many parts, None where nobody knows; they may be BYTES."""

    def advance(self, count: int = 1) -> None:
        """So many more parts of the step are done."""


class Silent:
    """Tells nobody."""

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Nothing."""

    def advance(self, count: int = 1) -> None:
        """Nothing."""


SILENT = Silent()
