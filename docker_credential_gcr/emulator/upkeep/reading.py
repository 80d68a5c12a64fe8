"""How a check reads a data directory."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from docker_credential_gcr.emulator.oci.digest import format_digest, new_hasher, split_digest
from docker_credential_gcr.emulator.storage.filesystem import FileStore

from .progress import Progress

_READ = 1024 * 1024


@dataclass(frozen=True)
class Checked:
    """A data directory under check; its rows can be read by the names of their columns."""

    connection: sqlite3.Connection
    root: Path
    quick: bool
    sparse: bool
    progress: Progress

    @property
    def store(self) -> FileStore:
        """The bytes next to the database."""
        return FileStore(self.root)

    def rows(self, table: str, statement: str) -> Iterator[sqlite3.Row]:
        """The rows that the statement gives, one for each of the table, told of as they are done."""
        self.progress.begin(table, self.measure(f"SELECT count(*) FROM {table}"))  # noqa: S608
        for row in self.connection.execute(statement):
            yield row
            self.progress.advance()

    def measure(self, statement: str) -> int | None:
        """The number that the statement gives; None where the database is too damaged to tell."""
        try:
            ((number,),) = self.connection.execute(statement)
        except sqlite3.DatabaseError:
            return None
        return int(number)


def open_database(path: Path) -> sqlite3.Connection:
    """The database as it is: neither made nor migrated. Raises sqlite3.DatabaseError."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def hash_files(paths: Iterable[Path], digest: str, *, advance: Callable[[int], None]) -> str:
    """Returns the digest of the files' bytes together, of the same algorithm.

    `advance` is told of each block's size. Raises OSError.
    """
    algorithm, _ = split_digest(digest)
    hasher = new_hasher(algorithm)
    for path in paths:
        for block in read_blocks(path):
            hasher.update(block)
            advance(len(block))
    return format_digest(algorithm, hasher)


def read_blocks(path: Path) -> Iterator[bytes]:
    """Gives the bytes of a file. Raises OSError."""
    with path.open("rb") as file:
        while block := file.read(_READ):
            yield block
