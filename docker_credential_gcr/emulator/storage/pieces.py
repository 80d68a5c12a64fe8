"""Pieces: the keys and sizes, in order, of the bytes of an upload or blob over 64 KiB.

    [["pieces/3f/3f0c…-1-9a41…", 5242880], ["pieces/3f/3f0c…-2-c07d…", 1048576]]

A piece is the body of one request, under pieces/AB/UPLOAD-SEQUENCE-NONCE. The nonce makes every key unique,
also if two requests use one Location. A blob of an older data directory is one piece, under its old path.
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
    """Returns a new key for the bytes of one request."""
    return f"{FOLDER}{upload_id[:2]}/{upload_id}-{sequence}-{secrets.token_hex(8)}"


def parse_key(key: str) -> tuple[str, int] | None:
    """Returns upload ID and sequence of a piece's key; None for any other key."""
    match = _KEY.fullmatch(key)
    return None if match is None else (match[2], int(match[3]))


def format_pieces(pieces: Sequence[Piece]) -> str:
    """Returns the pieces as the text of a database column."""
    return json.dumps(pieces, separators=(",", ":"))


def parse_pieces(text: str | None) -> tuple[Piece, ...]:
    """Parses the text of a database column. Raises ValueError if it is not a list of pieces."""
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
    """Returns the keys in the text of a database column; none if it is not a list of pieces."""
    try:
        return [key for key, _ in parse_pieces(text)]
    except ValueError:
        return []


async def open_pieces(store: BlobStore, pieces: Sequence[Piece], span: Span) -> AsyncGenerator[bytes, None]:
    """Returns the bytes of the span in blocks, the first of which is there.

    Called before a response starts, because a started response cannot become an error. Raises OSError,
    StorageUnavailable.
    """
    blocks = read_pieces(store, pieces, span)
    if pieces and store.path(pieces[0][0]) is None:
        begun = _begin(blocks)
        await anext(begun)
        return begun
    check_pieces(store, pieces, span)
    return blocks


async def _begin(blocks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yields an empty block when the first one is there, then all of them.

    So the caller gets a generator that has started: closing another one would not close `blocks`.
    """
    async with aclosing(blocks):
        first = await anext(blocks)
        yield b""
        yield first
        async for block in blocks:
            yield block


async def read_pieces(store: BlobStore, pieces: Sequence[Piece], span: Span) -> AsyncGenerator[bytes, None]:
    """Yields the bytes of the span in blocks. Raises OSError if some are missing."""
    for (key, _), part in _find_parts(pieces, span):
        async with aclosing(store.read(key, part.start, part.stop)) as blocks:
            async for block in blocks:
                yield block


def check_pieces(store: BlobStore, pieces: Sequence[Piece], span: Span) -> None:
    """Raises OSError if the first piece of the span is a file whose size has changed."""
    for (key, size), _ in _find_parts(pieces, span):
        path = store.path(key)
        if path is not None and path.stat().st_size != size:
            raise OSError(f"the size of {path} has changed")
        return


def are_whole(store: BlobStore, pieces: Sequence[Piece]) -> bool:
    """Returns whether the store has each piece with its size. Blocks. Raises StorageUnavailable."""
    return all(store.size(key) == size for key, size in pieces)


def is_whole(store: BlobStore, text: str | None) -> bool:
    """Returns whether the text of a database column is a list of pieces, and `are_whole` is true of them.

    Blocks. Raises StorageUnavailable.
    """
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
