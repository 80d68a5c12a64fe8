"""The request that is being answered, as the log knows it: its ID, and who asks."""

from contextvars import ContextVar


class CurrentRequest:
    """One request; `member` is who asks in IAM's words, None as long as that is not known."""

    __slots__ = ("id", "member")

    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self.member: str | None = None


CURRENT: ContextVar[CurrentRequest | None] = ContextVar("current_request", default=None)


def note_member(member: str | None) -> None:
    """Write down who asks."""
    request = CURRENT.get()
    if request is not None:
        request.member = member


def find_request_id() -> str:
    """The ID of the request that is being answered; "-" outside of any."""
    request = CURRENT.get()
    return "-" if request is None else request.id
