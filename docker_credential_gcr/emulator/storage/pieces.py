"""Pieces: what an upload or a blob over 64 KiB consists of, in their order.

    [["pieces/3f/3f0c…-1-9a41…", 5242880], ["pieces/3f/3f0c…-2-c07d…", 1048576]]

Each is the body of one request, under pieces/AB/UPLOAD-SEQUENCE-NONCE. The nonce makes every name new, also
where two requests arrive at one Location. A blob of an older data directory is one piece, in its old place.
"""

import json
import re
import secrets
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from docker_credential_gcr.emulator.oci.ranges import Span

from .base import BlobStore

FOLDER = "pieces/"
# A key and a size in bytes.
Piece = tuple[str, int]

_KEY = re.compile(r"pieces/([0-9a-f]{2})/(\1[0-9a-f]{30})-(0|[1-9][0-9]{0,15})-[0-9a-f]{16}")


def make_key(upload_id: str, sequence: int) -> str:
    """Returns a new name for the bytes of one request."""
    return f"{FOLDER}{upload_id[:2]}/{upload_id}-{sequence}-{secrets.token_hex(8)}"


def parse_key(key: str) -> tuple[str, int] | None:
    """Returns upload and sequence of a piece's name; None for any other."""
    match = _KEY.fullmatch(key)
    return None if match is None else (match[2], int(match[3]))


def format_pieces(pieces: Sequence[Piece]) -> str:
    """Returns the pieces as a row keeps them."""
    return json.dumps(pieces, separators=(",", ":"))


def parse_pieces(text: str | None) -> tuple[Piece, ...]:
    """Returns the pieces that a row keeps. Raises ValueError for what is not a list of them."""
    if text is None:
        return ()
    pieces = json.loads(text)
    try:
        found = tuple((key, size) for key, size in pieces)
    except TypeError as error:
        raise ValueError(f"not a list of pieces: {text!r:.100}") from error
    if not all(type(key) is str and type(size) is int and size > 0 for key, size in found):
        raise ValueError(f"not a list of pieces: {text!r:.100}")
    return found


def list_keys(text: str | None) -> list[str]:
    """Returns the keys of the pieces that a row keeps; none where it keeps no list of them."""
    try:
        return [key for key, _ in parse_pieces(text)]
    except ValueError:
        return []


async def read_pieces(store: BlobStore, pieces: Sequence[Piece], span: Span) -> AsyncGenerator[bytes, None]:
    """Gives those of the bytes in blocks. Raises OSError where they are not all there."""
    for (key, _), part in _find_parts(pieces, span):
        async with aclosing(store.read(key, part.start, part.stop)) as blocks:
            async for block in blocks:
                yield block


def check_pieces(store: BlobStore, pieces: Sequence[Piece], span: Span) -> None:
    """Raises OSError where the first of the pieces of the span is a file that is not as long as it was.

    An answer that has begun cannot become an error, so it is looked at before.
    """
    for (key, size), _ in _find_parts(pieces, span):
        path = store.path(key)
        if path is not None and path.stat().st_size != size:
            raise OSError(f"{path} is not as long as it was")
        return


def are_whole(store: BlobStore, pieces: Sequence[Piece]) -> bool:
    """Returns whether those of the pieces that are local files are as long as they were."""
    for key, size in pieces:
        path = store.path(key)
        if path is not None and (not path.is_file() or path.stat().st_size != size):
            return False
    return True


def is_whole(store: BlobStore, text: str | None) -> bool:
    """Returns whether the row's text is a list of pieces, which are as long as they were."""
    try:
        return are_whole(store, parse_pieces(text))
    except ValueError:
        return False


def _find_parts(pieces: Sequence[Piece], span: Span) -> Iterator[tuple[Piece, Span]]:
    offset = 0
    for piece in pieces:
        _, size = piece
        start, stop = max(span.start - offset, 0), min(span.stop - offset, size)
        if start < stop:
            yield piece, Span(start, stop)
        offset += size
