"""Progress of maintenance: the interface that gc, fsck and rebuild report to."""

BYTES = "bytes"


class Progress:
    """Receives the begin of each step and its parts that are done; this class shows nothing."""

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Begins a step of `total` parts, None if unknown; `unit` may be BYTES."""

    def advance(self, count: int = 1) -> None:
        """Counts parts of the step as done."""


SILENT = Progress()
