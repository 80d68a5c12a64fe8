"""Salvage of a damaged database: copies its readable rows into a new one, and lost rows from a snapshot.

Each table is read up to the first page that SQLite cannot read. The rows after it come from the snapshot:
those after the last row that both have, so that a row that was deleted before that one stays deleted.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Table, UniqueConstraint

from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, Row, Unreadable, insert


@dataclass(frozen=True)
class Salvage:
    """Copies tables into a new database from its `sources`: the old one, and a snapshot if there is one."""

    new: Connection
    sources: Sequence[Connection]
    # Values of columns that an older revision lacks and that have no default in the schema.
    defaults: dict[str, object]

    def copy(self, table: Table, *, complete: bool) -> bool:
        """Copies the rows of a table; returns whether all rows of the old database were readable."""
        old, *snapshots = self.sources
        is_whole = self._insert(table, _read(old, table))
        for snapshot in snapshots if complete and not is_whole else ():
            self._insert(table, self._find_lost(table, snapshot))
        return is_whole

    def _insert(self, table: Table, rows: Iterator[Row]) -> bool:
        while True:
            try:
                row = next(rows, None)
            except Unreadable:
                return False
            if row is None:
                return True
            values = {**self.defaults, **dict(row)}
            known = {column.name: values[column.name] for column in table.columns if column.name in values}
            insert(self.new, table.name, known)

    def _find_lost(self, table: Table, snapshot: Connection) -> Iterator[Row]:
        keys = [column.name for column in table.primary_key]
        known = 0
        with contextlib.suppress(Unreadable):
            for number, row in enumerate(_read(snapshot, table), 1):
                if _find(self.new, table, keys, [row[key] for key in keys], keys) is not None:
                    known = number
        for row in islice(_read(snapshot, table), known, None):
            if self._is_attached(table, row, snapshot):
                yield row

    def _is_attached(self, table: Table, row: Row, snapshot: Connection) -> bool:
        """Returns whether the row refers to the same rows in both: a row number may have been reused."""
        for key in table.foreign_keys:
            parent, values = key.column.table, [row[key.parent.name]]
            names = _list_identifying(parent)
            now = _find(self.new, parent, ["id"], values, names)
            then = _find(snapshot, parent, ["id"], values, names)
            if now is None or now != then or not self._is_attached(parent, now, snapshot):
                return False
        return True


def _read(connection: Connection, table: Table) -> Iterator[Row]:
    # Without an index, which may be readable where the table is not; unsorted: a sort reads all rows first.
    yield from connection.execute(f"SELECT * FROM {table.name} NOT INDEXED")  # noqa: S608


def _find(
    connection: Connection, table: Table, keys: Sequence[str], values: Sequence[object], names: Sequence[str]
) -> Row | None:
    where = " AND ".join(f"{key} = ?" for key in keys)
    statement = f"SELECT {', '.join(names)} FROM {table.name} WHERE {where}"  # noqa: S608
    found: Row | None = connection.execute(statement, values).fetchone()
    return found


def _list_identifying(table: Table) -> list[str]:
    """Returns the columns that identify a row, whatever its number, and those that refer to other rows."""
    unique = {
        column
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
        for column in constraint.columns
    }
    return [column.name for column in table.columns if column in unique or column.foreign_keys]
