"""Context of a check: the data directory, how thorough to be, and the progress."""

from collections.abc import Iterator
from dataclasses import dataclass

from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, Row, Unreadable
from docker_credential_gcr.emulator.maintenance.progress import Progress
from docker_credential_gcr.emulator.storage.filesystem import FileStore


@dataclass(frozen=True)
class CheckContext:
    """A data directory under check; its rows can be read by the names of their columns."""

    connection: Connection
    store: FileStore
    quick: bool
    sparse: bool
    progress: Progress

    def rows(self, table: str, statement: str) -> Iterator[Row]:
        """Yields the rows that the statement selects, one for each row of the table; reports the progress."""
        self.progress.begin(table, self.measure(f"SELECT count(*) FROM {table}"))  # noqa: S608
        for row in self.connection.execute(statement):
            yield row
            self.progress.advance()

    def measure(self, statement: str) -> int | None:
        """Returns the number that the statement selects; None where the database is too damaged."""
        try:
            ((number,),) = self.connection.execute(statement)
        except Unreadable:
            return None
        return int(number)
