"""Pagination: `n` entries after `last`, and the Link to the next page.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from docker_credential_gcr.emulator.registry.errors import PageSizeInvalid
from docker_credential_gcr.emulator.registry.http import Request
from docker_credential_gcr.emulator.runtime.strict_json import cut_at_nul


@dataclass(frozen=True)
class Page:
    """A requested page: at most `count` entries (None: all, but at most `most`) after the entry `last`."""

    count: int | None
    last: str
    most: int

    @property
    def size(self) -> int:
        """Returns how many entries the page has at most."""
        return self.most if self.count is None else self.count

    @property
    def is_whole(self) -> bool:
        """Returns whether the page is the whole list."""
        return self.count is None and not self.last

    @property
    def limit(self) -> int:
        """Returns how many entries to read: one more than the page, which shows whether another follows."""
        return self.size + 1

    def link(self, path: str, found: Sequence[str]) -> Mapping[str, str]:
        """Returns the Link header to the next page; empty if `found` ends on this one."""
        if not self.size or len(found) <= self.size:
            return {}
        return self.link_after(path, found[self.size - 1])

    def link_after(self, path: str, last: str, **parameters: str) -> Mapping[str, str]:
        """Returns the Link header to the page after the entry `last`."""
        following = urlencode({**parameters, "n": self.size, "last": last})
        return {"Link": f'<{path}?{following}>; rel="next"'}


def parse_page(request: Request, all_from: int, most: int) -> Page:
    """Returns the requested page: all entries without `n`, or with at least `all_from`.

    Raises PageSizeInvalid.
    """
    text, last = request.parameter("n"), cut_at_nul(request.parameter("last") or "")
    if text is None:
        return Page(None, last, most)
    if not text.isascii() or not text.isdigit():
        raise PageSizeInvalid(f"n is not a number of entries: {text[:50]!r}")
    # Ten digits are more than any `all_from`.
    count = int(text[:10])
    return Page(None if count >= all_from else count, last, most)
