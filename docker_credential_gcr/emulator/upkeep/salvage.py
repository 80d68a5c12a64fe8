"""Reads what can be read of a damaged database.

A page that SQLite cannot read hides its rows only: those before it are read upwards, those after the
last such page downwards, and what lies between by halves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Integer, Table

from docker_credential_gcr.emulator.database.engine.file import Connection, Row, Unreadable


@dataclass
class Salvage:
    """The rows of one table in a database that may be damaged; `is_whole` once they were all read."""

    connection: Connection
    table: Table
    is_whole: bool = True

    @cached_property
    def columns(self) -> list[str]:
        """Those of the table's columns that the database has; none where it has no such table."""
        try:
            found = {row["name"] for row in self.connection.execute(f"PRAGMA table_info({self.table.name})")}
        except Unreadable:
            found = set()
        return [column.name for column in self.table.columns if column.name in found]

    def rows(self) -> Iterator[Row]:
        """Each row that can be read; some may come twice."""
        self.is_whole = bool(self.columns)
        if not self.columns:
            return
        last = None
        try:
            for row in self._scan("ASC"):
                last = row[self._first]
                yield row
        except Unreadable:
            self.is_whole = False
            yield from self._read_after(last)

    def _read_after(self, last: object) -> Iterator[Row]:
        """The rows behind a page that is unreadable, from the end."""
        following = None
        try:
            for row in self._scan("DESC"):
                following = row[self._first]
                yield row
        except Unreadable:
            if isinstance(last, int) and isinstance(following, int):
                yield from self._read_between(last, following)

    def _read_between(self, low: int, high: int) -> Iterator[Row]:
        try:
            yield from list(self._scan("ASC", low, high))
        except Unreadable:
            if low < high:
                middle = (low + high) // 2
                yield from self._read_between(low, middle)
                yield from self._read_between(middle + 1, high)
            elif not self._is_numbered:
                yield from self._read_one(low)

    def _read_one(self, first: int) -> Iterator[Row]:
        """The rows with that first column, from both ends."""
        for order in ("ASC", "DESC"):
            try:
                yield from self._scan(order, first, first)
            except Unreadable:
                continue

    def _scan(self, order: str, low: int | None = None, high: int | None = None) -> Iterator[Row]:
        names = ", ".join(self.columns)
        keys = ", ".join(f"{column.name} {order}" for column in self.table.primary_key)
        where, values = "", ()
        if low is not None:
            where, values = f"WHERE {self._first} BETWEEN ? AND ?", (low, high)  # type: ignore[assignment]
        # Not by an index, which may be whole where the table is not, and the other way round.
        statement = f"SELECT {names} FROM {self.table.name} NOT INDEXED {where} ORDER BY {keys}"  # noqa: S608
        return self.connection.execute(statement, values)

    @property
    def _first(self) -> str:
        return str(next(iter(self.table.primary_key)).name)

    @property
    def _is_numbered(self) -> bool:
        key = list(self.table.primary_key)
        return len(key) == 1 and isinstance(key[0].type, Integer)
