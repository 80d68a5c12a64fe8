"""Pages of a list: `n` entries after `last`, and the Link to what follows.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from docker_credential_gcr.emulator.registry.errors import PageSizeInvalid
from docker_credential_gcr.emulator.registry.http import Request

# Everything in one reply, as Container Registry answers, ends here all the same: an entry has a few hundred
# bytes at most.
_EVERYTHING = 50_000


@dataclass(frozen=True)
class Page:
    """What a client asks for: at most `count` entries (None: all) after the entry `last`."""

    count: int | None
    last: str

    @property
    def size(self) -> int:
        """How many entries are shown at most."""
        return _EVERYTHING if self.count is None else self.count

    @property
    def limit(self) -> int:
        """How many entries to look for: one more than are shown tells whether a page follows."""
        return self.size + 1

    def link(self, path: str, found: Sequence[str]) -> Mapping[str, str]:
        """The header that leads to the next page, if one follows the shown part of what was found."""
        if not self.size or len(found) <= self.size:
            return {}
        return self.link_after(path, found[self.size - 1])

    def link_after(self, path: str, last: str, **parameters: str) -> Mapping[str, str]:
        """The header that leads to the page after the entry `last`."""
        following = urlencode({**parameters, "n": self.size, "last": last})
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
