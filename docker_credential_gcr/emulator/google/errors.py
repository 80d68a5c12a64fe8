"""The errors of Google's APIs: what went wrong, and in one table how HTTP says it.

    {"error": {"code": 404, "message": "Project not found: x", "status": "NOT_FOUND"}}
    {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}        the token endpoint

https://google.aip.dev/193, https://www.rfc-editor.org/rfc/rfc6749#section-5.2
"""

from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.capacity import StorageFull, TooManyRequests, find_known
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator
from docker_credential_gcr.emulator.identity.decision import Decision
from docker_credential_gcr.emulator.identity.policy import InvalidPolicy
from docker_credential_gcr.emulator.records.errors import AlreadyExists, Changed


class InvalidArgument(Exception):
    """The request does not say what the API understands; the message says what is wrong."""


class NotFound(Exception):
    """There is no such resource, or no such path."""


class BodyTooLarge(Exception):
    """The body is larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"Request payload size exceeds the limit: {limit} bytes.")


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


class PermissionDenied(Exception):
    """The caller may not do this. Google does not tell it apart from what does not exist."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"Permission '{decision.permission}' denied on resource (or it may not exist).")
        self.reason = decision.reason


class GrantRefused(Exception):
    """No token is given; `error` is the word of RFC 6749 §5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


CREDENTIALS = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
CONCURRENT = (
    "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
)

# class -> (HTTP status, Google's status, Google's text where the error itself has none)
TABLE: dict[type[Exception], tuple[int, str, str | None]] = {
    InvalidArgument: (400, "INVALID_ARGUMENT", None),
    InvalidPolicy: (400, "INVALID_ARGUMENT", None),
    NotAnAdministrator: (401, "UNAUTHENTICATED", CREDENTIALS),
    PermissionDenied: (403, "PERMISSION_DENIED", None),
    NotFound: (404, "NOT_FOUND", None),
    BodyTooSlow: (408, "DEADLINE_EXCEEDED", None),
    AlreadyExists: (409, "ALREADY_EXISTS", "Requested entity already exists"),
    Changed: (409, "ABORTED", CONCURRENT),
    BodyTooLarge: (413, "INVALID_ARGUMENT", None),
    TooManyRequests: (429, "RESOURCE_EXHAUSTED", None),
    # Google has no word for a disk; its libraries try again after this one.
    StorageFull: (503, "UNAVAILABLE", None),
}
_INTERNAL = (500, "INTERNAL", "Internal error encountered.")

_UNAUTHORIZED_GRANTS = ("invalid_client", "unauthorized_client")


def find_response(error: Exception) -> JSONResponse | None:
    """How HTTP says this error; None for one that nobody foresaw."""
    if isinstance(error, GrantRefused):
        body = {"error": error.error, "error_description": str(error)}
        status = 401 if error.error in _UNAUTHORIZED_GRANTS else 400
        return JSONResponse(body, status, {"Cache-Control": "no-store"})
    error = find_known(error)
    if type(error) not in TABLE:
        return None
    code, status_word, text = TABLE[type(error)]
    return _format(code, status_word, text or str(error), error)


def format_internal_error() -> JSONResponse:
    """The answer for an error that nobody foresaw."""
    return _format(*_INTERNAL)


def _format(code: int, status: str, message: str, error: Exception | None = None) -> JSONResponse:
    body: dict[str, object] = {"code": code, "message": message, "status": status}
    if isinstance(error, PermissionDenied):
        # Google keeps the reason to itself; who tests against an emulator wants to know it.
        reason = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": error.reason}
        body["details"] = [reason]
    headers = dict(getattr(error, "headers", {}))
    if code == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/"'
    return JSONResponse({"error": body}, code, headers)
