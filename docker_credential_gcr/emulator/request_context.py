"""The request that is being answered: its ID, who asks, why it is refused, and what became of it so far."""

from contextvars import ContextVar
from urllib.parse import parse_qs


class Answer:
    """The answer so far: `status` is None until it begins; `received` and `sent` are the bodies' bytes."""

    __slots__ = ("received", "sent", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.received = self.sent = 0


class CurrentRequest:
    """One request; `member` is who asks in IAM's words, `reason` a refusal's message; None if unknown.

    With `ends_connection` its answer is the last on its connection.
    """

    __slots__ = ("answer", "ends_connection", "id", "member", "reason")

    def __init__(self, request_id: str = "-") -> None:
        self.id = request_id
        self.member: str | None = None
        self.reason: str | None = None
        self.answer = Answer()
        self.ends_connection = False


CURRENT: ContextVar[CurrentRequest | None] = ContextVar("current_request", default=None)


def note_member(member: str | None) -> None:
    """Writes down who asks."""
    request = CURRENT.get()
    if request is not None:
        request.member = member


def note_reason(reason: str) -> None:
    """Writes down why the request is refused, as the client is told."""
    request = CURRENT.get()
    if request is not None:
        request.reason = reason


def find_request_id() -> str:
    """Returns the ID of the request that is being answered; "-" outside of any."""
    request = CURRENT.get()
    return "-" if request is None else request.id


# What of a request may be shown in the journal and in logs: an allow-list, for the rest may be a secret.
_PARAMETERS = frozenset({"account", "digest", "from", "last", "mount", "n", "scope", "service"})


def show_query(query_string: bytes) -> dict[str, list[str]]:
    """The parameters of a query that may be shown."""
    query = parse_qs(query_string.decode("latin-1"))
    return {name: values for name, values in query.items() if name in _PARAMETERS}
