"""Shares of the bodies that arrive at once: a number of places, and of bytes that are kept in memory."""

from .capacity import TooManyRequests
from .deadlines import Wait

_RETRY_AFTER_S = 1


class Share:
    """At most `count` bodies at once, of which `size` bytes are kept.

    With `gives_up_silent` a full share gives up the body whose client has been silent for longest.
    """

    def __init__(self, count: int, size: int, *, gives_up_silent: bool = False) -> None:
        self._count = count
        self._left = size
        self._gives_up_silent = gives_up_silent
        # body -> the bytes of it that are kept
        self._kept: dict[Wait, int] = {}
        # Those whose clients are waited for, in the order in which the waits began.
        self._waiting: dict[Wait, None] = {}

    def enter(self, body: Wait) -> None:
        """Gives the body a place. Raises TooManyRequests."""
        while len(self._kept) >= self._count:
            self._make_room()
        self._kept[body] = 0

    def leave(self, body: Wait) -> None:
        """Takes the body's place back, and the bytes that are kept of it."""
        self._left += self._kept.pop(body, 0)

    def keep(self, body: Wait, size: int) -> None:
        """Counts that many more bytes of the body as kept, until it leaves. Raises TooManyRequests."""
        if body not in self._kept:  # it was given up
            return
        while self._left < size:
            self._make_room()
        self._left -= size
        self._kept[body] += size

    def begin_wait(self, body: Wait) -> None:
        """Notes that the server waits for the body's client."""
        self._waiting[body] = None

    def end_wait(self, body: Wait) -> None:
        """Notes that the server waits for the body's client no longer."""
        self._waiting.pop(body, None)

    def _make_room(self) -> None:
        if not self._gives_up_silent or not self._waiting:
            raise TooManyRequests("too many requests with bodies at once", _RETRY_AFTER_S)
        longest = next(iter(self._waiting))
        del self._waiting[longest]
        longest.give_up()
