"""Move: copies a data directory to a PostgreSQL database and an object store. It can be repeated at any time.

1. The bytes that rows name go to the store, under their keys. What the store has already is not sent again.
2. All rows go to the database, in one transaction, and with them the key files.
3. Before that is committed, the data directory is marked: no server can use it from then on. After a crash
   in between, the database is empty, and the next run copies the rows.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from docker_credential_gcr.emulator.database.accounts import key_table
from docker_credential_gcr.emulator.database.engine.postgresql import row_import
from docker_credential_gcr.emulator.database.engine.postgresql.connections import describe
from docker_credential_gcr.emulator.database.engine.sqlite_file import open_database
from docker_credential_gcr.emulator.oci.digest import new_hasher
from docker_credential_gcr.emulator.runtime.failpoints import reach
from docker_credential_gcr.emulator.storage.base import BlobStore
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import Piece, parse_pieces

from .database_identity import DATABASE
from .progress import BYTES, Progress
from .stored_files import list_files

_PIECES = (
    "SELECT pieces FROM blobs WHERE data IS NULL UNION ALL SELECT pieces FROM uploads WHERE data IS NULL"
)
# Objects at a time: each takes 6 MiB of memory.
_TOGETHER = 4
_THREADS = 16


class CannotMove(Exception):
    """The data directory has something that cannot be moved; the message says what to do."""


@dataclass(frozen=True)
class Target:
    """Where to move a data directory; `url` is the database's."""

    url: str
    store: BlobStore
    # The key files by name.
    keys: Mapping[str, bytes]
    # Marks the data directory; whether an earlier move has marked it.
    mark: Callable[[], None]
    is_marked: bool


@dataclass(frozen=True)
class Moved:
    """The counts of what a move has copied."""

    rows: int
    objects: int
    bytes: int


def move(root: Path, target: Target, progress: Progress) -> Moved | None:
    """Moves a data directory, which no other process may use meanwhile; returns None if it was moved before.

    Raises CannotMove, UnusableDatabase, StorageFull, StorageUnavailable and OSError.
    """
    source = root / DATABASE
    identity = row_import.find_identity(source)
    with row_import.importing(target.url) as connection:
        if row_import.is_copy(connection, identity, target.url):
            if target.is_marked:
                return None
            raise CannotMove(
                f"{describe(target.url)} has the rows of an earlier move of {root}, which may have served "
                "since: drop that database and create it again, to move the directory again"
            )
    if (nul := row_import.find_nul(source)) is not None:
        raise CannotMove(f"{nul} has a NUL character, which PostgreSQL cannot store: change or delete it")
    pieces = _find_lacking(_list_pieces(root), target.store)
    _send(root, target.store, pieces, progress)
    moved = Moved(row_import.count_rows(source), len(pieces), sum(size for _, size in pieces))
    progress.begin("rows", moved.rows)
    with row_import.importing(target.url) as connection:
        row_import.is_copy(connection, identity, target.url)
        row_import.copy_rows(source, connection, progress.advance)
        for name, content in target.keys.items():
            key_table.add(connection, name=name, content=content)
        reach("move-rows-copied")
        target.mark()
        reach("move-marked")
    reach("move-committed")
    return moved


def _list_pieces(root: Path) -> list[Piece]:
    """Returns the pieces of all blobs and uploads. Raises CannotMove if one is not there with its size."""
    store = FileStore(root)
    with open_database(root / DATABASE) as connection:
        texts = [text for (text,) in connection.execute(_PIECES)]
    try:
        pieces = [piece for text in texts for piece in parse_pieces(text)]
    except ValueError as error:
        raise CannotMove(_advise(root, str(error))) from error
    for key, size in pieces:
        if store.size(key) != size:
            raise CannotMove(_advise(root, f"{key} is missing, or does not have {size} bytes"))
    return pieces


def _advise(root: Path, fault: str) -> str:
    return f"{fault}: mend what gcr-emulator fsck --data {root} finds, and move it then"


def _find_lacking(pieces: Iterable[Piece], store: BlobStore) -> list[Piece]:
    """Returns the pieces that the store does not have with their size, and deletes those of another size."""
    there = set(list_files(store))
    lacking = [piece for piece in pieces if piece[0] not in there]
    sent = [piece for piece in pieces if piece[0] in there]
    with ThreadPoolExecutor(_THREADS) as threads:
        sizes = list(threads.map(store.size, (key for key, _ in sent)))
    wrong = [piece for piece, size in zip(sent, sizes, strict=True) if piece[1] != size]
    # No key is written twice.
    store.delete([key for key, _ in wrong])
    return lacking + wrong


def _send(root: Path, store: BlobStore, pieces: list[Piece], progress: Progress) -> None:
    progress.begin("objects", sum(size for _, size in pieces), BYTES)
    files, waiting = FileStore(root), iter(pieces)

    async def send_some() -> None:
        for key, size in waiting:
            await store.write(key, _read(files, key, size, progress), new_hasher("sha256"))
            reach("move-object-sent")

    async def send_all() -> None:
        await asyncio.gather(*(send_some() for _ in range(_TOGETHER)))

    asyncio.run(send_all())


async def _read(files: FileStore, key: str, size: int, progress: Progress) -> AsyncGenerator[bytes, None]:
    async with aclosing(files.read(key, 0, size)) as blocks:
        async for block in blocks:
            progress.advance(len(block))
            yield block
