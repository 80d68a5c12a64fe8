"""Progress of upkeep: what is being done, and how much of it is done."""

BYTES = "bytes"


class Progress:
    """Is told of each step as it begins, and of each part of it; this one shows nothing."""

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Begins a step of `total` parts, None if that is unknown; `unit` may be BYTES."""

    def advance(self, count: int = 1) -> None:
        """Counts more parts of the step as done."""


SILENT = Progress()
