"""How a check reads a data directory."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.oci.digest import format_digest, new_hasher, split_digest

# What is being checked, and how many were; 0 once all are.
Tell = Callable[[str, int], None]

_READ = 1024 * 1024
_TOLD_EVERY = 100


@dataclass(frozen=True)
class Checked:
    """A data directory under check; its rows can be read by the names of their columns."""

    connection: sqlite3.Connection
    root: Path
    quick: bool
    sparse: bool
    tell: Tell

    @property
    def files(self) -> BlobFiles:
        """The bytes beside the database."""
        return BlobFiles(self.root)

    def rows(self, what: str, statement: str) -> Iterator[sqlite3.Row]:
        """The rows that the statement gives, told of as they are read."""
        yield from self.count(what, self.connection.execute(statement))

    def count(self, what: str, items: Iterable[sqlite3.Row]) -> Iterator[sqlite3.Row]:
        """The same items, told of as they pass."""
        for number, item in enumerate(items, 1):
            if number % _TOLD_EVERY == 1:
                self.tell(what, number)
            yield item
        self.tell(what, 0)


def open_database(path: Path) -> sqlite3.Connection:
    """The database as it is: neither made nor migrated. Raises sqlite3.DatabaseError."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def hash_file(path: Path, digest: str) -> str:
    """The digest of the file's bytes, of the same algorithm."""
    algorithm, _ = split_digest(digest)
    hasher = new_hasher(algorithm)
    with path.open("rb") as file:
        while block := file.read(_READ):
            hasher.update(block)
    return format_digest(algorithm, hasher)
