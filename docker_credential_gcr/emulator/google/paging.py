"""Listings page by page: pageSize (Cloud Storage: maxResults) and pageToken.

https://google.aip.dev/158
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request

from .errors import InvalidArgument

T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    """What is asked for: at most `size` entries after the key `last`."""

    size: int
    last: str

    @property
    def count(self) -> int:
        """One more than is shown, which tells whether there is a next page."""
        return self.size + 1

    def format(
        self, name: str, found: Sequence[T], describe: Callable[[T], Any], key: Callable[[T], str]
    ) -> dict[str, Any]:
        """The answer under `name`, without it where there is nothing; `found` are at most `count`."""
        shown = found[: self.size]
        document: dict[str, Any] = {name: [describe(item) for item in shown]} if shown else {}
        if len(found) > self.size:
            document["nextPageToken"] = base64.urlsafe_b64encode(key(shown[-1]).encode()).decode()
        return document


def parse_page(
    request: Request, *, default: int = 100, maximum: int = 1000, size_name: str = "pageSize"
) -> Page:
    """The page that the query asks for; sizes over `maximum` become that. Raises InvalidArgument."""
    text = request.query_params.get(size_name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise InvalidArgument(f"Invalid value for {size_name}: {text[:50]!r} is not a number of entries.")
    token = request.query_params.get("pageToken", "")
    try:
        last = base64.b64decode(token, altchars="-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument("Invalid value for pageToken: it is of another listing.") from error
    return Page(min(int(text) or default, maximum), last)


def cut(found: Sequence[T], page: Page, key: Callable[[T], str]) -> list[T]:
    """What belongs on the page of a whole listing that is in the order of its keys."""
    return [item for item in found if not page.last or key(item) > page.last][: page.count]
