"""How a check reads a data directory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from docker_credential_gcr.emulator.database.engine.file import Connection, Row, Unreadable
from docker_credential_gcr.emulator.oci.digest import format_digest, new_hasher, split_digest
from docker_credential_gcr.emulator.storage.filesystem import FileStore

from .progress import Progress

_READ = 1024 * 1024


@dataclass(frozen=True)
class Checked:
    """A data directory under check; its rows can be read by the names of their columns."""

    connection: Connection
    root: Path
    quick: bool
    sparse: bool
    progress: Progress

    @property
    def store(self) -> FileStore:
        """The bytes next to the database."""
        return FileStore(self.root)

    def rows(self, table: str, statement: str) -> Iterator[Row]:
        """The rows that the statement gives, one for each of the table, told of as they are done."""
        self.progress.begin(table, self.measure(f"SELECT count(*) FROM {table}"))  # noqa: S608
        for row in self.connection.execute(statement):
            yield row
            self.progress.advance()

    def measure(self, statement: str) -> int | None:
        """The number that the statement gives; None where the database is too damaged to tell."""
        try:
            ((number,),) = self.connection.execute(statement)
        except Unreadable:
            return None
        return int(number)


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
