"""How a check reads a data directory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from docker_credential_gcr.emulator.database.engine.file import Connection, Row, Unreadable
from docker_credential_gcr.emulator.maintenance.progress import Progress
from docker_credential_gcr.emulator.oci.digest import format_digest, new_hasher
from docker_credential_gcr.emulator.storage.filesystem import FileStore

_READ = 1024 * 1024


@dataclass(frozen=True)
class Checked:
    """A data directory under check; its rows can be read by the names of their columns."""

    connection: Connection
    store: FileStore
    quick: bool
    sparse: bool
    progress: Progress

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


def hash_files(
    store: FileStore, keys: Iterable[str], algorithms: Iterable[str], progress: Progress
) -> set[str]:
    """Returns the digests of the files' bytes together, one for each algorithm. Raises OSError."""
    hashers = {algorithm: new_hasher(algorithm) for algorithm in algorithms}
    for key in keys if hashers else ():
        with store.path(key).open("rb") as file:
            while block := file.read(_READ):
                for hasher in hashers.values():
                    hasher.update(block)
                progress.advance(len(block))
    return {format_digest(algorithm, hasher) for algorithm, hasher in hashers.items()}
