"""Pages of a list: `n` entries after `last`, and the Link to what follows.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from .errors import PageSizeInvalid
from .http import Request


@dataclass(frozen=True)
class Page:
    """What a client asks for: at most `count` entries (None: all) after the entry `last`."""

    count: int | None
    last: str

    @property
    def limit(self) -> int | None:
        """How many entries to look for: one more than are shown tells whether a page follows."""
        return None if self.count is None else self.count + 1

    def link(self, path: str, found: Sequence[str], **parameters: str) -> Mapping[str, str]:
        """The header that leads to the next page, if one follows the shown part of what was found."""
        if not self.count or len(found) <= self.count:
            return {}
        following = urlencode({**parameters, "n": self.count, "last": found[self.count - 1]})
        return {"Link": f'<{path}?{following}>; rel="next"'}


EVERYTHING = Page(None, "")


def parse_page(request: Request, all_from: int) -> Page:
    """The page of a request; everything without `n`, and with one so large that it means that.

    Raises PageSizeInvalid.
    """
    text, last = request.parameter("n"), request.parameter("last") or ""
    if text is None:
        return Page(None, last)
    if not text.isascii() or not text.isdigit():
        raise PageSizeInvalid(f"n is not a number of entries: {text[:50]!r}")
    # Ten digits are enough to mean everything.
    count = int(text[:10])
    return Page(None if count >= all_from else count, last)
