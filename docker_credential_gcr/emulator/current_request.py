"""The request that is being answered, as the log knows it: its ID, who asks, and why it is refused."""

from contextvars import ContextVar


class CurrentRequest:
    """One request; `member` is who asks in IAM's words, `reason` a refusal's message; None if unknown."""

    __slots__ = ("id", "member", "reason")

    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self.member: str | None = None
        self.reason: str | None = None


CURRENT: ContextVar[CurrentRequest | None] = ContextVar("current_request", default=None)


def note_member(member: str | None) -> None:
    """Write down who asks."""
    request = CURRENT.get()
    if request is not None:
        request.member = member


def find_member() -> str | None:
    """Returns who asks, once a valid credential has told; None before."""
    request = CURRENT.get()
    return None if request is None else request.member


def note_reason(reason: str) -> None:
    """Write down why the request is refused, as the client is told."""
    request = CURRENT.get()
    if request is not None:
        request.reason = reason


def find_request_id() -> str:
    """The ID of the request that is being answered; "-" outside of any."""
    request = CURRENT.get()
    return "-" if request is None else request.id
