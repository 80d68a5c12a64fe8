"""SQL statements of the hot path: written in SQLAlchemy Core, compiled once a dialect, run by the driver.

Core takes 40 to 150 µs to execute a statement, the driver 7: every statement that a request runs goes this
way.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect, Insert
from sqlalchemy.exc import IntegrityError

from docker_credential_gcr.emulator.database.errors import AlreadyExists

from .dialect import POSTGRESQL, SQLITE_DIALECT, format_list


class Statement:
    """A statement; its parameters are those that Core calls `bindparam`, or an insert's `columns`."""

    __slots__ = ("_columns", "_compiled", "_core")

    def __init__(self, core: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._core = core
        self._columns = columns
        # By the name of the dialect.
        self._compiled: dict[str, tuple[str, Mapping[str, object]]] = {}

    def all(self, connection: Connection, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Returns every row."""
        rows: list[tuple[Any, ...]] = self._execute(connection, values).fetchall()
        return rows

    def one(self, connection: Connection, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """Returns the first row."""
        row: tuple[Any, ...] | None = self._execute(connection, values).fetchone()
        return row

    @contextmanager
    def iterate(
        self, connection: Connection, values: Mapping[str, object]
    ) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Yields the rows, each of which is read when it is needed; no other statement runs in the block."""
        sql, constants = self.compile(connection.dialect)
        with closing(_driver(connection).cursor()) as cursor:
            if connection.dialect.name != POSTGRESQL:
                yield cursor.execute(sql, {**constants, **values})
                return
            # `execute` would receive all rows first.
            with closing(cursor.stream(sql, {**constants, **values})) as rows:
                yield rows

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Executes a change; returns the number of rows that it changed."""
        changed: int = self._execute(connection, values).rowcount
        return changed

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
        """Executes a change once for each row of values."""
        sql, constants = self.compile(connection.dialect)
        if constants:
            rows = [{**constants, **row} for row in rows]
        _driver(connection).cursor().executemany(sql, rows)

    def compile(self, dialect: Dialect) -> tuple[str, Mapping[str, object]]:
        """Returns the statement in that dialect, and the parameters whose values never change."""
        if dialect.name not in self._compiled:
            by_name = dialect if dialect.name == POSTGRESQL else SQLITE_DIALECT
            compiled = self._core.compile(dialect=by_name, column_keys=self._columns)
            # Core itself makes some constants parameters, such as a LIMIT of one.
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            self._compiled[dialect.name] = (str(compiled), constants)
        return self._compiled[dialect.name]

    def _execute(self, connection: Connection, values: Mapping[str, object]) -> Any:
        compiled = self._compiled.get(connection.dialect.name)
        sql, constants = compiled or self.compile(connection.dialect)
        if constants:
            values = {**constants, **values}
        return _driver(connection).execute(sql, values)


def find_listed(
    connection: Connection, statement: Statement, digests: Set[str], **values: object
) -> set[str]:
    """Returns those of `digests` that the statement selects: it has `is_listed(…, "digests")`."""
    if not digests:
        return set()
    return {digest for (digest,) in statement.all(connection, {"digests": format_list(digests), **values})}


def insert_new(connection: Connection, statement: Insert, values: Mapping[str, Any], name: str) -> Any:
    """Inserts a row and returns its primary key. Raises AlreadyExists(name) where a unique value is taken."""
    try:
        key = connection.execute(statement, values).inserted_primary_key
    except IntegrityError as error:
        raise AlreadyExists(name) from error
    return key[0] if key else None


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
