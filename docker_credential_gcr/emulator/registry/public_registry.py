"""Google's public registries, such as mirror.gcr.io: anonymous pulls, no push; here they hold no image.

A client that has mirror.gcr.io for a mirror of Docker Hub goes on to Docker Hub after the 404.
"""

import json
import re

from docker_credential_gcr.emulator.oci.challenge import format_challenge

from .errors import (
    BlobUnknown,
    Denied,
    ManifestUnknown,
    NameUnknown,
    RegistryError,
    Unauthorized,
    Unsupported,
    find_response,
)
from .http import Message, Receive, Request, Response, Send, send_response

_JSON = {"Content-Type": "application/json"}
_READING = ("GET", "HEAD")
_RESOURCE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>blobs|manifests|referrers|tags)/(?P<last>[^/]+)")
# It opens `/v2/` here, as any credential does, and nothing elsewhere.
_TOKEN = {"token": "anonymous", "access_token": "anonymous", "expires_in": 43200}


class PublicRegistry:
    """The ASGI application of those hosts."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = _answer(request)
        except RegistryError as error:
            refusal = find_response(error)
            if refusal is None:
                raise
            response = refusal
        await send_response(response, receive, send, headers_only=request.method == "HEAD")


def _answer(request: Request) -> Response:
    """Returns the answer to `/v2/` and to a request for a token. Raises RegistryError for all others."""
    if request.method not in _READING:
        raise Denied(f"{request.site_host} is read-only: push to a repository of a project")
    if request.path == "/v2/token":
        return Response(200, _JSON, json.dumps(_TOKEN).encode())
    if request.path == "/v2/":
        if "authorization" not in request.headers:
            realm = f"{request.scheme}://{request.host}/v2/token"
            raise Unauthorized(format_challenge(realm, request.host))
        return Response(200, _JSON, b"{}")
    found = _RESOURCE.fullmatch(request.path)
    if found is None:
        raise Unsupported(f"this registry has no {request.method} {request.path[:300]}")
    last = found["last"]
    if found["kind"] == "manifests":
        raise ManifestUnknown(f'Failed to fetch "{last}" from request "{request.path}".')
    if found["kind"] == "blobs":
        raise BlobUnknown(last)
    raise NameUnknown(f"repository name not known to registry: {found['name']}")
