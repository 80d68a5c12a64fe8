"""Pagination of lists: pageSize (Cloud Storage: maxResults) and pageToken.

https://google.aip.dev/158
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from docker_credential_gcr.emulator.runtime.strict_json import cut_at_nul
from docker_credential_gcr.emulator.settings import MAX_PAGE_BYTES

from .errors import InvalidArgument

T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    """The requested page: at most `size` entries after the key `last`."""

    size: int
    last: str

    @property
    def count(self) -> int:
        """Returns `size` + 1: the entry after the page tells whether there is a next page."""
        return self.size + 1

    def format(
        self, name: str, found: Iterable[T], describe: Callable[[T], Any], key: Callable[[T], str]
    ) -> dict[str, Any]:
        """Returns {name: [item, …], "nextPageToken": …}, without `name` if there is no item.

        Takes from `found` the items of the page, and one more, which tells whether a page follows. A page
        ends before 4 MiB, unless a single item is larger.
        """
        shown: list[Any] = []
        last, left = "", MAX_PAGE_BYTES
        for item in found:
            described = describe(item)
            left -= len(json.dumps(described)) + 1
            if len(shown) == self.size or (shown and left < 0):
                return {
                    name: shown,
                    "nextPageToken": base64.urlsafe_b64encode(last.encode()).decode(),
                }
            shown.append(described)
            last = key(item)
        return {name: shown} if shown else {}


def parse_page(
    query: Mapping[str, str], *, default: int = 100, maximum: int = 1000, size_name: str = "pageSize"
) -> Page:
    """Returns the page that the query asks for, of at most `maximum` entries. Raises InvalidArgument."""
    text = query.get(size_name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise InvalidArgument(f"Invalid value for {size_name}: {text[:50]!r} is not a number of entries.")
    token = query.get("pageToken", "")
    try:
        last = base64.b64decode(token, altchars="-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(
            "Invalid value for pageToken: send the nextPageToken of the previous page."
        ) from error
    return Page(min(int(text) or default, maximum), cut_at_nul(last))


def skip_to_page(found: Iterable[T], page: Page, key: Callable[[T], str]) -> Iterator[T]:
    """Yields the items after the page's `last` key; `found` is the whole list, in the order of its keys."""
    return (item for item in found if not page.last or key(item) > page.last)
