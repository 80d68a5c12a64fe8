"""SQLite's dialect of SQL: the expressions that SQLAlchemy Core does not have for all databases."""

import json
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert as insert

# Compiles a statement for the driver.
DIALECT = sqlite.dialect(paramstyle="named")
# As LIMIT: every row.
ALL_ROWS = -1


def select_listed(name: str) -> Select[tuple[str]]:
    """Returns the values of a parameter of `format_list`, for a statement's `IN`."""
    # The list is one JSON parameter: the statement stays the same for any number of values.
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def format_list(values: Iterable[str]) -> str:
    """Returns the parameter of `select_listed`."""
    return json.dumps([*values])


def contains(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Returns the condition that the column contains the text of a parameter."""
    return func.instr(column, bindparam(name)) > 0
