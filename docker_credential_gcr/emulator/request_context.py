"""Request context: ID, member, refusal and response of the request that is being answered."""

from contextvars import ContextVar
from urllib.parse import parse_qs


class Answer:
    """The response so far: `status` is None until it begins; `received` and `sent` count bytes of bodies."""

    __slots__ = ("received", "sent", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.received = self.sent = 0


class CurrentRequest:
    """A request; `member` is the caller as IAM names it, `reason` the message of a refusal; None if unknown.

    With `ends_connection` the server closes the connection after the response.
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
    """Records the caller."""
    request = CURRENT.get()
    if request is not None:
        request.member = member


def note_reason(reason: str) -> None:
    """Records why the request is refused, as the client reads it."""
    request = CURRENT.get()
    if request is not None:
        request.reason = reason


def find_request_id() -> str:
    """Returns the ID of the request that is being answered; "-" if there is none."""
    request = CURRENT.get()
    return "-" if request is None else request.id


# Query parameters for the journal and logs: an allow-list, because others may be secrets.
_LOGGED_PARAMETERS = frozenset({"account", "digest", "from", "last", "mount", "n", "scope", "service"})


def filter_query(query_string: bytes) -> dict[str, list[str]]:
    """Returns the parameters of a query that may be logged."""
    query = parse_qs(query_string.decode("latin-1"))
    return {name: values for name, values in query.items() if name in _LOGGED_PARAMETERS}
