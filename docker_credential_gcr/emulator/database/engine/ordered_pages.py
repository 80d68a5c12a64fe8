"""Pages of a listing that a client orders: the statements of each order, and where a page begins.

A page begins after the last row of the page before (keyset pagination): rows that come or go meanwhile shift
no other row from one page to the next.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, tuple_

KEY = "key"


class Order(NamedTuple):
    """The field by which rows are sorted; rows that are equal in it are sorted by their keys, ascending."""

    field: str = KEY
    is_descending: bool = False


class Slice(NamedTuple):
    """At most `limit` rows after a row.

    `after` has the row's values: that of the order's field, unless it is the key, and those of the keys.
    """

    limit: int
    order: Order = Order()
    after: tuple[int | str, ...] | None = None


# (order, whether it is the first page) -> statement
Pages = Mapping[tuple[Order, bool], Select[Any]]


def build_pages(
    rows: Select[Any],
    keys: Sequence[ColumnElement[str]],
    fields: Mapping[str, ColumnElement[int]],
    *,
    is_grouped: bool = False,
) -> Pages:
    """Returns the statements that read pages of `rows` in the order of the keys, or of a field.

    `is_grouped`: the rows are groups, and the fields are aggregates.
    """
    pages = {}
    for field in (KEY, *fields):
        for is_descending in (False, True):
            order = Order(field, is_descending)
            before: list[ColumnElement[Any]] = [] if field == KEY else [fields[field]]
            after = _build_after([*before, *keys], keys, order)
            by = [_direct(column, is_descending) for column in before]
            by += [_direct(key, is_descending and field == KEY) for key in keys]
            first = rows.order_by(*by).limit(bindparam("count"))
            pages[order, True] = first
            pages[order, False] = first.having(after) if is_grouped and field != KEY else first.where(after)
    return pages


def read_page(
    connection: Connection, pages: Pages, page: Slice, values: Mapping[str, object]
) -> Sequence[Any]:
    """Returns the rows of a page; `values` are the parameters of the listing itself."""
    after = {f"after_{index}": value for index, value in enumerate(page.after or ())}
    statement = pages[page.order, page.after is None]
    return connection.execute(statement, {**values, **after, "count": page.limit}).all()


def _build_after(
    columns: Sequence[ColumnElement[Any]], keys: Sequence[ColumnElement[str]], order: Order
) -> ColumnElement[bool]:
    """Returns the condition that a row comes after the row with the parameters' values."""
    last = [bindparam(f"after_{index}", type_=column.type) for index, column in enumerate(columns)]
    last_keys = last[-len(keys) :]
    follows = tuple_(*keys) > tuple_(*last_keys)
    if order.field == KEY:
        return tuple_(*keys) < tuple_(*last_keys) if order.is_descending else follows
    field, value = columns[0], last[0]
    beyond = field < value if order.is_descending else field > value
    return or_(beyond, and_(field == value, follows))


def _direct(column: ColumnElement[Any], is_descending: bool) -> ColumnElement[Any]:
    return column.desc() if is_descending else column.asc()
