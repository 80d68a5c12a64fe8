"""HTTP's byte ranges: `Range: bytes=…` of a download, `Content-Range: a-b` of an upload's chunk.

https://www.rfc-editor.org/rfc/rfc9110#section-14
"""

import re
from dataclasses import dataclass

# Units are case-insensitive. https://www.rfc-editor.org/rfc/rfc9110#section-14.1
_SINGLE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.IGNORECASE)
_CHUNK = re.compile(r"(?:bytes )?(\d{1,19})-(\d{1,19})(?:/\*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Returns the number of bytes."""
        return self.stop - self.start


class UnsatisfiableRange(ValueError):
    """No byte of the content is in the range."""


def find_span(header: str | None, size: int) -> Span | None:
    """Returns the part of `size` bytes that a Range header asks for; None for all of them.

    All are meant without a header, by several ranges and by another unit. Raises UnsatisfiableRange, also for
    a range that ends before it begins: the conformance suite of the specification expects that.
    """
    match = _SINGLE.fullmatch(header.strip()) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    if start >= stop:
        raise UnsatisfiableRange(header)
    return Span(start, stop)


def parse_chunk_range(header: str) -> Span | None:
    """Returns the bytes that a chunk's Content-Range announces; None if it is malformed."""
    match = _CHUNK.fullmatch(header.strip())
    if match is None or int(match[2]) < int(match[1]):
        return None
    return Span(int(match[1]), int(match[2]) + 1)
