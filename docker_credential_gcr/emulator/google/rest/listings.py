"""Listings with a page, a filter and an order: ?pageSize=2&filter=name="*/a*"&orderBy=create_time desc

https://google.aip.dev/132
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from docker_credential_gcr.emulator.database.engine.ordered_pages import KEY, Order, Slice

from .errors import InvalidArgument
from .list_filters import Predicate, fold_name, parse_filter
from .pagination import Page, parse_page

T = TypeVar("T")
Keys = tuple[str, ...]

_NAME = "name"
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_DIRECTIONS = {"": False, "asc": False, "desc": True}
_BAD_TOKEN = "Invalid value for pageToken: it is of a list with another orderBy."


@dataclass(frozen=True)
class Listing:
    """What a request for a list asks for."""

    page: Page
    test: Predicate | None
    order: Order

    def format(
        self,
        name: str,
        fetch: Callable[[Slice], Sequence[T]],
        describe: Callable[[T], dict[str, Any]],
        key: Callable[[T], str],
        split: Callable[[str], Keys] = lambda key: (key,),
    ) -> dict[str, Any]:
        """Returns {name: [item, …], "nextPageToken": …} of the items that pass the filter.

        `key` returns an item's key in the token, `split` the values of the database's keys for it.
        """

        def search() -> Iterator[tuple[T, dict[str, Any]]]:
            after = self._parse_token(split)
            while found := fetch(Slice(self.page.count, self.order, after)):
                for item in found:
                    described = describe(item)
                    if self.test is None or self.test(described):
                        yield item, described
                if len(found) < self.page.count:
                    return
                after = (*self._get_value(found[-1]), *split(key(found[-1])))

        return self.page.format(
            name, search(), lambda pair: pair[1], lambda pair: self._format_token(pair[0], key(pair[0]))
        )

    def _get_value(self, item: object) -> tuple[int, ...]:
        return () if self.order.field == KEY else (getattr(item, self.order.field),)

    def _format_token(self, item: object, key: str) -> str:
        """Returns the key, after the order and the field's value if the order is not that of most lists."""
        if self.order == Order():
            return key
        return " ".join([*self._format_order(), *map(str, self._get_value(item)), key])

    def _format_order(self) -> list[str]:
        return [self.order.field, "desc" if self.order.is_descending else "asc"]

    def _parse_token(self, split: Callable[[str], Keys]) -> tuple[int | str, ...] | None:
        """Returns the values after which the page begins. Raises InvalidArgument."""
        *begin, key = self.page.last.split(" ")
        if not self.page.last:
            return None
        expected = [] if self.order == Order() else self._format_order()
        values = begin[len(expected) :]
        is_number = all(_NUMBER.fullmatch(value) for value in values)
        count = 0 if self.order.field == KEY else 1
        if begin[: len(expected)] != expected or len(values) != count or not is_number:
            raise InvalidArgument(_BAD_TOKEN)
        return (*map(int, values), *split(key))


def parse_listing(
    query: Mapping[str, str], *, filters: Collection[str] = (_NAME,), orders: Mapping[str, str]
) -> Listing:
    """Returns what a query asks for. Raises InvalidArgument.

    `orders` are the fields, besides the name, to order by: {"createTime": attribute of the items}.
    """
    return Listing(
        parse_page(query), parse_filter(query, filters), _parse_order(query.get("orderBy", ""), orders)
    )


def _parse_order(text: str, orders: Mapping[str, str]) -> Order:
    if not text.strip():
        return Order()
    field, _, direction = text.strip().partition(" ")
    known = {fold_name(name): attribute for name, attribute in {_NAME: KEY, **orders}.items()}
    attribute = known.get(fold_name(field))
    is_descending = _DIRECTIONS.get(direction.strip().lower())
    if attribute is None or is_descending is None:
        names = ", ".join([_NAME, *orders])
        raise InvalidArgument(f"Invalid orderBy {text[:100]!r}: one of {names} is known, with asc or desc.")
    return Order(attribute, is_descending)
