"""Context of a check: the rows, the bytes, how thorough to be, and the progress."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, Row, Unreadable
from docker_credential_gcr.emulator.maintenance.progress import Progress

from .stored_bytes import StoredBytes

# Called with the name of a table, the row's id and its pieces: whether that row is still there.
IsCurrent = Callable[[str, object, str | None], bool]


def _is_current(_table: str, _row_id: object, _pieces: str | None) -> bool:
    return True


@dataclass(frozen=True)
class CheckContext:
    """A registry under check; its rows can be read by the names of their columns."""

    connection: Connection
    bytes: StoredBytes
    quick: bool
    sparse: bool
    progress: Progress
    # Next to running servers a row may be deleted during the check, and its bytes with it.
    is_current: IsCurrent = _is_current
    # Bytes of uploads that started later may have no row yet.
    uploads_before: float = math.inf

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
