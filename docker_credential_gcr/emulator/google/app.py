"""Google's APIs: the endpoint of a request, and the only place where errors become responses."""

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from docker_credential_gcr.emulator.request_context import find_request_id
from docker_credential_gcr.emulator.runtime.strict_json import is_escaped_text

from .absent_methods import describe_absent
from .dependencies import GoogleServices
from .rest.errors import (
    InvalidArgument,
    NotFound,
    find_response,
    format_internal_error,
)
from .rest.partial_response import select_fields
from .rest.routing import CatchAll, RouteTable
from .routes import ROUTES

_logger = logging.getLogger(__name__)

_STORAGE = ("/storage/", "/download/storage/", "/upload/storage/")
_TABLE = RouteTable(ROUTES)


def routes(services: GoogleServices) -> list[Route]:
    """Returns one Starlette route for the whole table; it also refuses every other path: put it last."""

    async def answer(request: Request) -> Response:
        try:
            return await _answer(request, services)
        # Every exception becomes JSON in Google's form: clients parse it.
        except Exception as error:
            is_storage = request.scope["path"].startswith(_STORAGE)
            response = find_response(error, is_storage=is_storage)
            if response is not None:
                return response
            _logger.exception("internal error in request %s", find_request_id())
            return format_internal_error(is_storage=is_storage)

    return [CatchAll("/{path:path}", answer)]


async def _answer(request: Request, services: GoogleServices) -> Response:
    if not all(is_escaped_text(request.scope[part]) for part in ("raw_path", "query_string")):
        raise InvalidArgument("The URL holds bytes that are not valid UTF-8, or NUL.")
    found = _TABLE.find(request)
    if found is None:
        raise NotFound(describe_absent(request))
    endpoint, parameters = found
    request.scope["path_params"] = parameters
    return select_fields(request, await endpoint(request, services))
