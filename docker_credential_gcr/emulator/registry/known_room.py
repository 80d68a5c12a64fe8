"""What the last look at all uploads has told of the room for more: nobody else begins any meanwhile."""


class KnownRoom:
    """So many uploads more have room whoever they are of, and none is older than the oldest one was.

    It is never more than there is: uploads that end make room of which only the next look tells.
    """

    def __init__(self) -> None:
        self._left = 0
        self._oldest = 0
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many were taken so far; `note` needs the number from before its look."""
        return self._taken

    def take(self, began_at: int, *, before: float) -> bool:
        """Take the room of one upload; False where all uploads must be looked at.

        So they must where one may have begun before that instant, when its time is over.
        """
        if self._left <= 0 or self._oldest < before:
            return False
        self._left -= 1
        self._taken += 1
        self._oldest = min(self._oldest, began_at)
        return True

    def note(self, left: int, oldest: int, *, taken: int) -> None:
        """Know what a look has told; what was taken since may be counted in it or not."""
        self._left = left - (self._taken - taken)
        self._oldest = oldest
