"""Progress of upkeep: what is being done, and how much of it is done."""

from typing import Protocol

BYTES = "bytes"


class Progress(Protocol):
    """Is told of each step as it begins, and of each part of it."""

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Begin a step of `total` parts, None if that is unknown; `unit` may be BYTES."""

    def advance(self, count: int = 1) -> None:
        """Count more parts of the step as done."""


class Silent:
    """Ignores what it is told."""

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Nothing."""

    def advance(self, count: int = 1) -> None:
        """Nothing."""


SILENT = Silent()
