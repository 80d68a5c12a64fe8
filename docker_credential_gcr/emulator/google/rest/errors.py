"""Errors in Google's form, and one table of their HTTP status and Google's status.

    {"error": {"code": 404, "message": "Project not found: x", "status": "NOT_FOUND"}}
    {"error": {"code": 404, "message": "…", "errors": [{"message": "…", "domain": "global",
                                                        "reason": "notFound"}]}}
    {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}

The second form is Cloud Storage's, the third the token endpoint's. https://google.aip.dev/193,
https://cloud.google.com/storage/docs/json_api/v1/status-codes, https://www.rfc-editor.org/rfc/rfc6749#section-5.2
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.database.errors import AlreadyExists, Changed
from docker_credential_gcr.emulator.identity.administrators import Forwarded, NotAnAdministrator
from docker_credential_gcr.emulator.identity.authorization import Decision
from docker_credential_gcr.emulator.identity.policy import InvalidPolicy
from docker_credential_gcr.emulator.request_context import note_reason
from docker_credential_gcr.emulator.runtime.errors import StorageFull, TooManyRequests, Unavailable


class InvalidArgument(Exception):
    """The request is malformed, or has a value that the API does not accept."""


class FailedPrecondition(Exception):
    """The resource is in a state in which the method cannot be called."""


class ProjectDeleted(Exception):
    """The deletion of the resource's project was requested."""

    def __init__(self, project_id: str) -> None:
        super().__init__(f"Project {project_id} is deleted: undelete it first.")


class NotFound(Exception):
    """The resource or the path does not exist."""


class Conflict(Exception):
    """The name is already used; the message is the API's own."""


class ConditionNotMet(Exception):
    """The resource has changed since the caller read it (Cloud Storage's preconditions)."""

    def __init__(self) -> None:
        super().__init__("At least one of the pre-conditions you specified did not hold.")


class BodyTooLarge(Exception):
    """The body is larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"Request payload size exceeds the limit: {limit} bytes.")


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


class PermissionDenied(Exception):
    """The caller has no permission, or the resource does not exist: Google does not distinguish the two."""

    def __init__(self, decision: Decision, message: str = "") -> None:
        super().__init__(
            message or f"Permission '{decision.permission}' denied on resource (or it may not exist)."
        )
        self.reason = decision.reason


class SignInRequired(PermissionDenied):
    """An anonymous caller has no permission; with a credential it might have it."""


class InsufficientScopes(Exception):
    """The access token has none of the scopes that the method needs."""

    def __init__(self) -> None:
        super().__init__("Request had insufficient authentication scopes.")


class ServiceDisabled(Exception):
    """The API is disabled in the project; the message holds the API's title and name."""

    def __init__(self, title: str, service: str, project_number: str) -> None:
        super().__init__(
            f"{title} has not been used in project {project_number} before or it is disabled. Enable it by "
            f"visiting https://console.developers.google.com/apis/api/{service}/overview?"
            f"project={project_number} then retry. If you enabled this API recently, wait a few minutes for "
            "the action to propagate to our systems and retry."
        )
        self.metadata = {"consumer": f"projects/{project_number}", "service": service}


class GrantRefused(Exception):
    """The token request is refused: `error` is RFC 6749 §5.2's code, `scheme` the client's, or empty."""

    def __init__(self, error: str, description: str, scheme: str = "") -> None:
        super().__init__(description)
        self.error = error
        self.headers = (
            {"WWW-Authenticate": f'{scheme} realm="https://accounts.google.com/"'} if scheme else {}
        )


CREDENTIALS = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
CONCURRENT = (
    "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
)

# class -> (HTTP status, Google's status, Google's message if the error itself has none)
TABLE: dict[type[Exception], tuple[int, str, str | None]] = {
    InvalidArgument: (400, "INVALID_ARGUMENT", None),
    InvalidPolicy: (400, "INVALID_ARGUMENT", None),
    FailedPrecondition: (400, "FAILED_PRECONDITION", None),
    ProjectDeleted: (400, "FAILED_PRECONDITION", None),
    NotAnAdministrator: (401, "UNAUTHENTICATED", CREDENTIALS),
    Forwarded: (401, "UNAUTHENTICATED", CREDENTIALS),
    SignInRequired: (401, "UNAUTHENTICATED", None),
    PermissionDenied: (403, "PERMISSION_DENIED", None),
    InsufficientScopes: (403, "PERMISSION_DENIED", None),
    ServiceDisabled: (403, "PERMISSION_DENIED", None),
    NotFound: (404, "NOT_FOUND", None),
    BodyTooSlow: (408, "DEADLINE_EXCEEDED", None),
    AlreadyExists: (409, "ALREADY_EXISTS", "Requested entity already exists"),
    Conflict: (409, "ALREADY_EXISTS", None),
    Changed: (409, "ABORTED", CONCURRENT),
    ConditionNotMet: (412, "FAILED_PRECONDITION", None),
    BodyTooLarge: (413, "INVALID_ARGUMENT", None),
    TooManyRequests: (429, "RESOURCE_EXHAUSTED", None),
    # Google has no status for a full disk; its libraries retry after this one.
    StorageFull: (503, "UNAVAILABLE", None),
    Unavailable: (503, "UNAVAILABLE", None),
}
_INTERNAL = (500, "INTERNAL", "Internal error encountered.")

# HTTP status -> Cloud Storage's reason
_STORAGE_REASONS = {
    400: "invalid",
    401: "required",
    403: "forbidden",
    404: "notFound",
    408: "requestTimeout",
    409: "conflict",
    412: "conditionNotMet",
    413: "uploadTooLarge",
    429: "rateLimitExceeded",
    500: "backendError",
    503: "backendError",
}
# class -> (HTTP status, Cloud Storage's reason), if they differ from the tables above
_STORAGE_TABLE: dict[type[Exception], tuple[int, str]] = {ProjectDeleted: (403, "accountDisabled")}

_UNAUTHORIZED_GRANTS = ("invalid_client", "unauthorized_client")


def find_response(error: Exception, *, is_storage: bool = False) -> JSONResponse | None:
    """Returns the response to an error; None if no table has it."""
    if isinstance(error, GrantRefused):
        note_reason(f"{error.error}: {error}")
        body = {"error": error.error, "error_description": str(error)}
        status = 401 if error.error in _UNAUTHORIZED_GRANTS else 400
        return JSONResponse(body, status, {"Cache-Control": "no-store", **error.headers})
    error = translate_error(error)
    kind = next((kind for kind in type(error).__mro__ if kind in TABLE), None)
    if kind is None:
        return None
    code, word, text = TABLE[kind]
    message = text or str(error)
    note_reason(message)
    reason = _STORAGE_REASONS[code]
    if is_storage:
        code, reason = _STORAGE_TABLE.get(kind, (code, reason))
    response = _format(code, message, _details(error), word=None if is_storage else word, reason=reason)
    response.headers.update(getattr(error, "headers", {}))
    return response


def format_internal_error(*, is_storage: bool = False) -> JSONResponse:
    """Returns the response to an error that no table has."""
    code, word, message = _INTERNAL
    return _format(code, message, [], word=None if is_storage else word, reason=_STORAGE_REASONS[code])


def _details(error: Exception) -> list[Mapping[str, object]]:
    if isinstance(error, PermissionDenied | Forwarded):
        # Google does not tell the reason; a user who tests against an emulator wants to know it.
        reason = error.reason if isinstance(error, PermissionDenied) else str(error)
        return [{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": reason}]
    if isinstance(error, ServiceDisabled):
        return [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": error.metadata,
            }
        ]
    return []


def _format(
    code: int, message: str, details: list[Mapping[str, object]], *, word: str | None, reason: str
) -> JSONResponse:
    """Returns an error in Google's form; without a `word` in Cloud Storage's form, which has a reason."""
    body: dict[str, object] = {"code": code, "message": message}
    if word is None:
        body["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    else:
        body["status"] = word
    if details:
        body["details"] = details
    return JSONResponse({"error": body}, code, _headers(code))


def _headers(code: int) -> dict[str, str] | None:
    return {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'} if code == 401 else None
