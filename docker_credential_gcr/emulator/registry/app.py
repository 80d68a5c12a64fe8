"""Registry routes and ASGI application; IDs are the rows of the specification's table of endpoints.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
"""

import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.registry.dialects.advice import find_advice, suggest_image
from docker_credential_gcr.emulator.registry.dialects.dialect import (
    describe_incomplete_name,
    find_site_dialect,
    is_site_redirected,
)
from docker_credential_gcr.emulator.registry.dialects.links import locate_download
from docker_credential_gcr.emulator.registry.dialects.quota import describe_exceeded_rate
from docker_credential_gcr.emulator.request_context import find_request_id
from docker_credential_gcr.emulator.runtime.asgi import Message, Receive, Send
from docker_credential_gcr.emulator.runtime.errors import RateExceeded
from docker_credential_gcr.emulator.sites.hosts import (
    IncompleteName,
    Target,
    find_site,
    locate,
    locate_folder,
)

from . import blobs, manifests, token
from .authorization import authorize_site, is_open_to
from .dependencies import RegistryServices
from .error_responses import find_response, format_error
from .errors import InvalidRepository, Unsupported
from .http import Request, Response, send_response
from .listings import catalog, referrers, tags
from .transition import Use, find_served
from .uploads import endpoints as uploads

Handler = Callable[..., Awaitable[Response]]
# The handler and the arguments from the path.
Route = tuple[Handler, tuple[Any, ...]]

_logger = logging.getLogger(__name__)


async def ping(services: RegistryServices, request: Request) -> Response:
    """Confirms to a client with a valid credential that this is a registry."""
    await authorize_site(services, request, find_site(request.site_host))
    content_type, body = find_site_dialect(services, request).ping
    return Response(200, {"Content-Type": content_type}, body)


# Every GET answers HEAD too, without the body.
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/v2/", ping),  # end-1
    ("GET", "/v2/token", token.issue),
    ("POST", "/v2/token", token.refuse_post),
    ("GET", "/v2/{name}/blobs/{digest}", blobs.get),  # end-2
    ("DELETE", "/v2/{name}/blobs/{digest}", blobs.delete),  # end-10
    ("POST", "/v2/{name}/blobs/uploads/", uploads.start),  # end-4a, 4b, 11
    ("GET", "/v2/{name}/blobs/uploads/{upload}", uploads.status),  # end-13
    ("PATCH", "/v2/{name}/blobs/uploads/{upload}", uploads.append),  # end-5
    ("PUT", "/v2/{name}/blobs/uploads/{upload}", uploads.finish),  # end-6
    ("DELETE", "/v2/{name}/blobs/uploads/{upload}", uploads.cancel),  # end-14
    ("GET", "/v2/{name}/manifests/{reference}", manifests.get),  # end-3
    ("PUT", "/v2/{name}/manifests/{reference}", manifests.put),  # end-7
    ("DELETE", "/v2/{name}/manifests/{reference}", manifests.delete),  # end-9
    ("GET", "/v2/{name}/tags/list", tags.list_),  # end-8a, 8b
    ("GET", "/v2/{name}/referrers/{digest}", referrers.list_),  # end-12a, 12b
    ("GET", "/v2/_catalog", catalog.list_),  # Docker's API, not in the specification
    ("GET", "/artifacts-downloads/{name}/blobs/{digest}", blobs.get_by_link),  # where end-2 may redirect to
    ("GET", "/artifacts-downloads/{name}/downloads/{download}", blobs.get_by_link),  # Artifact Registry's
]

# Container Registry sends these with every response.
_HEADERS = [
    (b"docker-distribution-api-version", b"registry/2.0"),
    (b"server", b"Docker Registry"),
    (b"x-xss-protection", b"0"),
    (b"x-frame-options", b"SAMEORIGIN"),
]


# Artifact Registry adds this to its responses for gcr.io names.
_REDIRECTED_HEADERS = [*_HEADERS, (b"x-gcr-using-artifact-registry", b"true")]

# The handlers whose requests a partial redirection shares out.
_USES = {
    manifests.get: Use.READ,
    tags.list_: Use.READ,
    referrers.list_: Use.READ,
    blobs.get: Use.READ_BLOB,
}


# Path -> resource. A path with a name is looked up by its first segment, then by the segments between name
# and last segment, then by the last segment if it is fixed (else None). A name may have slashes, so the path
# is matched from its end; the longest ending wins.
_FIXED_PATHS: dict[str, dict[str, Handler]] = {}
_ENDINGS: dict[str, dict[tuple[str, ...], dict[str | None, dict[str, Handler]]]] = {}
for _method, _path, _handler in ROUTES:
    _beginning, _, _ending = _path.partition("{name}/")
    if not _ending:
        _FIXED_PATHS.setdefault(_path, {})[_method] = _handler
        continue
    *_before, _last = _ending.split("/")
    _resource = _ENDINGS.setdefault(_beginning.strip("/"), {}).setdefault(tuple(_before), {})
    _resource.setdefault(None if _last.startswith("{") else _last, {})[_method] = _handler
# Longer paths are not cached, so that clients cannot fill the memory.
_CACHED_LENGTH = 512
_DEPTHS = sorted({len(ending) for endings in _ENDINGS.values() for ending in endings}, reverse=True)


class RegistryApp:
    """ASGI application for the paths of a registry."""

    def __init__(self, services: RegistryServices) -> None:
        self._services = services

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        headers = _REDIRECTED_HEADERS if request.is_redirected else _HEADERS
        await send_response(response, receive, send, headers, headers_only=request.method == "HEAD")

    async def _respond(self, request: Request) -> Response:
        try:
            handler, arguments = _find_route(request)
            if arguments:
                served = await self._find_served(request, handler, *arguments)
                return await handler(self._services, request, served, *arguments[1:])
            request.is_redirected = is_site_redirected(self._services, request)
            return await handler(self._services, request)
        except Exception as error:
            error = self._replace_invalid_name(request, error)
            response = find_response(error, find_advice(error, request))
            if response is None:
                _logger.error("internal error in request %s", find_request_id(), exc_info=error)
                response = format_error(500, "UNKNOWN", "internal error: the server's log says more")
            return response

    async def _find_served(
        self, request: Request, handler: Handler, target: Target, last: str = ""
    ) -> Target:
        served = await find_served(self._services, target, _USES.get(handler, Use.OTHER), last)
        request.is_redirected = served is not target
        return served

    def _replace_invalid_name(self, request: Request, error: Exception) -> Exception:
        """Returns the token endpoint's error for an invalid name in the first request of a push.

        At an open registry, where clients need no token, that is the start of an upload (the only POST of a
        name). Returns the dialect's error for any other name without an image.
        """
        if not isinstance(error, InvalidName):
            return error
        if request.method != "POST" or not is_open_to(self._services, request):
            return describe_incomplete_name(error) if isinstance(error, IncompleteName) else error
        return InvalidRepository(error, suggest_image(request, "/".join(request.path.split("/")[2:-3])))


async def send_error(error: Exception, scope: Message, receive: Receive, send: Send) -> None:
    """Answers a request that a limit of the server refused before it reached a handler."""
    request = Request(scope, receive)
    if isinstance(error, RateExceeded):
        error = describe_exceeded_rate(error, request.site_host, request.path)
    response = find_response(error)
    if response is None:
        raise error
    await send_response(response, receive, send, headers_only=request.method == "HEAD")


def _find_route(request: Request) -> Route:
    # Cached, because most requests pull what others have pulled before.
    find = _route if len(request.path) <= _CACHED_LENGTH else _route.__wrapped__
    return find(request.method, request.path, request.site_host)


@lru_cache(1024)
def _route(method: str, path: str, host: str) -> Route:
    """Returns the handler of a path and its arguments. Raises Unsupported, InvalidName, LinkInvalid."""
    route_method = "GET" if method == "HEAD" else method
    handler = _FIXED_PATHS.get(path, {}).get(route_method)
    if handler is not None:
        return handler, ()
    segments = path.split("/")
    endings = _ENDINGS[segments[1]]
    for depth in _DEPTHS:
        resources = endings.get(tuple(segments[-depth - 1 : -1]))
        name = "/".join(segments[2 : -depth - 1])
        if resources is None or not name:
            continue
        last = segments[-1]
        handler = resources.get(last, {}).get(route_method)
        if handler is not None:
            return handler, (_locate(handler, route_method, host, name),)
        handler = resources.get(None, {}).get(route_method)
        if handler is not None and segments[-2] == "downloads":
            return handler, locate_download(host, last)
        if handler is not None and last:
            return handler, (_locate(handler, route_method, host, name), unquote(last))
    raise Unsupported(f"this registry has no {route_method} {path[:300]}")


def _locate(handler: Handler, method: str, host: str, name: str) -> Target:
    """Returns the target of a path. Raises InvalidName.

    A repository of Artifact Registry as a whole has no images, but only a push to it is an invalid name.
    """
    if handler is tags.list_:
        return locate_folder(host, name)
    try:
        return locate(host, name)
    except IncompleteName:
        if method not in ("GET", "DELETE") or not (folder := locate_folder(host, name)).site.has_repositories:
            raise
        return folder
