"""SQLite's dialect of SQL: what SQLAlchemy Core does not say for all databases alike."""

import json
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert as insert

# With it a statement is compiled for the driver.
DIALECT = sqlite.dialect(paramstyle="named")
# The LIMIT of a statement that is to return every row.
ALL_ROWS = -1


def select_listed(name: str) -> Select[tuple[str]]:
    """Returns the values of a parameter made by `format_list`, for a statement's `IN`."""
    # As a document, so that the statement stays the same and takes any number.
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def format_list(values: Iterable[str]) -> str:
    """Returns the parameter of `select_listed`."""
    return json.dumps([*values])


def contains(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Returns the condition that the column holds the text of a parameter."""
    return func.instr(column, bindparam(name)) > 0
