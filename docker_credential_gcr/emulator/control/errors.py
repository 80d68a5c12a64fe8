"""Errors of /_emulator/: {"error": MESSAGE}, with a status from one table."""

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docker_credential_gcr.emulator.database.engine.errors import translate_error
from docker_credential_gcr.emulator.gce_instance import InvalidInstance
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator, find_administrator
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal
from docker_credential_gcr.emulator.outgoing.errors import OutgoingError
from docker_credential_gcr.emulator.request_context import find_request_id, note_member, note_reason
from docker_credential_gcr.emulator.runtime.errors import CollectionBusy, StorageFull, Unavailable
from docker_credential_gcr.emulator.runtime.strict_json import is_escaped_text

from .events import InvalidEventQuery
from .faults import InvalidFaults
from .request_body import InvalidBody
from .subject_tokens import InvalidTokenRequest
from .webhooks import TooManyWebhooks, UnknownWebhook, WebhookNotAccepted

Handler = Callable[[Request], Awaitable[Response]]
# Raises an error to refuse a request.
Check = Callable[[Request], Awaitable[None]]

_logger = logging.getLogger(__name__)


class InvalidUrl(Exception):
    """A path or a query that PostgreSQL cannot compare."""

    def __init__(self) -> None:
        super().__init__("the URL holds bytes that are not valid UTF-8, or NUL")


class NotTheOperator(Exception):
    """A valid credential, but not the operator's."""

    def __init__(self) -> None:
        super().__init__("only the operator may do this")


TABLE: dict[type[Exception], int] = {
    InvalidBody: 400,
    InvalidEventQuery: 400,
    InvalidFaults: 400,
    InvalidInstance: 400,
    InvalidTokenRequest: 400,
    InvalidUrl: 400,
    OutgoingError: 400,
    NotAnAdministrator: 401,
    NotTheOperator: 403,
    UnknownWebhook: 404,
    CollectionBusy: 409,
    TooManyWebhooks: 409,
    WebhookNotAccepted: 502,
    Unavailable: 503,
    StorageFull: 507,
}


def check_operator(
    request: Request, *, operator_token: str, strict: bool, verify: Callable[[str], Principal]
) -> None:
    """Raises NotAnAdministrator or NotTheOperator for a request that is not the operator's."""
    principal = find_administrator(
        request.headers,
        request.client.host if request.client else "",
        operator_token=operator_token,
        strict=strict,
        verify=verify,
    )
    note_member(principal.member)
    if principal != OPERATOR:
        raise NotTheOperator


def handle_errors(check: Check, endpoint: Handler) -> Handler:
    """Returns the endpoint behind the check; an error of either becomes a response."""

    async def answer(request: Request) -> Response:
        try:
            await check(request)
            if not all(is_escaped_text(request.scope[part]) for part in ("raw_path", "query_string")):
                raise InvalidUrl
            return await endpoint(request)
        # Any error, so that every response is JSON.
        except Exception as error:  # noqa: BLE001
            return format_error(error)

    return answer


def format_error(error: Exception) -> JSONResponse:
    """Returns the response to an error."""
    error = translate_error(error)
    status = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)
    if status is None:
        _logger.error("internal error in request %s", find_request_id(), exc_info=error)
        return JSONResponse({"error": "internal error: the server's log says more"}, 500)
    note_reason(str(error))
    return JSONResponse({"error": str(error)}, status, getattr(error, "headers", None))
