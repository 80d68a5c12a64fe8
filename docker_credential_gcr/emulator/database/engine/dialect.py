"""Dialects of SQL: the expressions that SQLAlchemy Core does not have for SQLite and PostgreSQL alike."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    bindparam,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import sqlite

# PostgreSQL's own `insert` loads 19 modules, 17 ms, that SQLite does not need.
from sqlalchemy.dialects.sqlite import insert as insert
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from docker_credential_gcr.emulator.database.schema.columns import TEXT

POSTGRESQL = "postgresql"
# Compiles a statement for the driver of SQLite, which takes parameters by name.
SQLITE_DIALECT = sqlite.dialect(paramstyle="named")
# As LIMIT: every row. PostgreSQL refuses a negative one.
ALL_ROWS = 2**63 - 1


def is_listed(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Returns the condition that the value is in the list of a parameter, which `format_list` returns."""
    # The list is one JSON parameter: the statement stays the same for any number of values.
    return _IsListed(column, bindparam(name))


def format_list(values: Iterable[str]) -> str:
    """Returns the parameter of `is_listed`."""
    return json.dumps([*values])


def contains(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Returns the condition that the column contains the text of a parameter."""
    return _Position(column, bindparam(name, type_=TEXT)) > 0


def starts_with(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Returns the condition that the column starts with the text of a parameter."""
    prefix = bindparam(name, type_=TEXT)
    return func.substr(column, 1, func.length(prefix)) == prefix


def as_bytes(column: ColumnElement[str]) -> ColumnElement[bytes]:
    """Returns the text of the column as UTF-8, which saves the driver from decoding it."""
    return _Bytes(column)


def has_row(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Returns the condition that a row exists, which an index finds for each row of the statement."""
    # Without OFFSET 0 PostgreSQL joins whole tables, for each page again.
    return exists(select(literal_column("1")).where(*conditions).offset(0))


class _IsListed(FunctionElement[bool]):
    """The condition that a value is in a JSON list.

    Not of the type Boolean: Core would append `= 1` for SQLite, which would no longer use an index.
    """

    inherit_cache = True


class _Position(FunctionElement[int]):
    """The function that returns where a text is in another; 0 if it is not there."""

    type = BigInteger()
    inherit_cache = True


class _Bytes(FunctionElement[bytes]):
    """The function that returns a text as bytes."""

    type = LargeBinary()
    inherit_cache = True


# In SQLite, and in PostgreSQL, which finds the values of an array by an index; rows it would join.
_FORMATS = {
    _IsListed: (
        "{} IN (SELECT value FROM json_each({}))",
        "{} = ANY (ARRAY(SELECT json_array_elements_text(CAST({} AS json))))",
    ),
    _Position: ("instr({}, {})", "strpos({}, {})"),
    _Bytes: ("CAST({} AS BLOB)", "convert_to({}, 'UTF8')"),
}


@compiles(_IsListed)
@compiles(_Position)
@compiles(_Bytes)
def _format(function: FunctionElement[Any], compiler: Any, **options: Any) -> str:
    of_sqlite, of_postgresql = _FORMATS[type(function)]
    form = of_postgresql if compiler.dialect.name == POSTGRESQL else of_sqlite
    return form.format(*(compiler.process(clause, **options) for clause in function.clauses))


# SQLite's clauses lack one attribute that PostgreSQL's compiler reads, the name of a constraint.


@compiles(OnConflictDoNothing, POSTGRESQL)
def _do_nothing(clause: Any, compiler: Any, **options: Any) -> str:
    clause.constraint_target = None
    text: str = compiler.visit_on_conflict_do_nothing(clause, **options)
    return text


@compiles(OnConflictDoUpdate, POSTGRESQL)
def _do_update(clause: Any, compiler: Any, **options: Any) -> str:
    clause.constraint_target = None
    text: str = compiler.visit_on_conflict_do_update(clause, **options)
    return text
