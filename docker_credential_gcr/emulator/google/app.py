"""Google's APIs on one screen, and the one place where their errors become answers."""

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from docker_credential_gcr.emulator.current_request import find_request_id

from . import iam, keys, oauth2, resource_manager
from .errors import NotFound, find_response, format_internal_error
from .services import Services

Endpoint = Callable[[Request, Services], Awaitable[Response]]

_logger = logging.getLogger(__name__)


async def refuse(request: Request, _services: Services) -> Response:
    """The answer for a path or a method that no service has."""
    raise NotFound(f"The requested URL {request.url.path} was not found on this server.")


_ACCOUNTS = "/v1/projects/{project}/serviceAccounts"
_ACCOUNT = f"{_ACCOUNTS}/{{account}}"

ROUTES: list[tuple[str, str, Endpoint]] = [
    ("POST", "/token", oauth2.issue_token),
    ("POST", "/v1/projects", resource_manager.create_project),
    ("GET", "/v1/projects", resource_manager.list_projects),
    ("GET", "/v1/projects/{project}", resource_manager.get_project_v1),
    ("POST", "/v1/projects/{project}:getIamPolicy", resource_manager.get_policy),
    ("POST", "/v1/projects/{project}:setIamPolicy", resource_manager.set_policy),
    ("GET", "/v3/projects/{project}", resource_manager.get_project_v3),
    ("POST", "/v3/projects/{project}:getIamPolicy", resource_manager.get_policy),
    ("POST", "/v3/projects/{project}:setIamPolicy", resource_manager.set_policy),
    ("POST", _ACCOUNTS, iam.create_account),
    ("GET", _ACCOUNTS, iam.list_accounts),
    ("GET", _ACCOUNT, iam.get_account),
    ("DELETE", _ACCOUNT, iam.delete_account),
    ("POST", f"{_ACCOUNT}/keys", keys.create_key),
    ("GET", f"{_ACCOUNT}/keys", keys.list_keys),
    ("GET", f"{_ACCOUNT}/keys/{{key}}", keys.get_key),
    ("DELETE", f"{_ACCOUNT}/keys/{{key}}", keys.delete_key),
]
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def routes(services: Services) -> list[Route]:
    """Starlette's routes for the table, and last a refusal of every other path: put them last."""
    served = [Route(path, _bind(endpoint, services), methods=[method]) for method, path, endpoint in ROUTES]
    return [*served, Route("/{path:path}", _bind(refuse, services), methods=_METHODS)]


def _bind(endpoint: Endpoint, services: Services) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request, services)
        # The rim: whatever happens, nothing but JSON in Google's form leaves it.
        except Exception as error:
            response = find_response(error)
            if response is not None:
                return response
            _logger.exception("internal error in request %s", find_request_id())
            return format_internal_error()

    return answer
