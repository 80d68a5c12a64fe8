"""Public registries, such as mirror.gcr.io: anonymous pulls, no push; in the emulator they have no images.

A client with mirror.gcr.io as its mirror of Docker Hub continues with Docker Hub after the 404.
"""

import json

from docker_credential_gcr.emulator.oci.token_auth import format_challenge
from docker_credential_gcr.emulator.registry.error_responses import find_response
from docker_credential_gcr.emulator.registry.errors import (
    BlobUnknown,
    Denied,
    ManifestUnknown,
    NameUnknown,
    RegistryError,
    Unauthorized,
    Unsupported,
)
from docker_credential_gcr.emulator.registry.http import Request, Response, send_response
from docker_credential_gcr.emulator.runtime.asgi import Message, Receive, Send

from .dialect import CONTAINER_REGISTRY

_JSON = {"Content-Type": "application/json"}
_READING = ("GET", "HEAD")
# Accepted at `/v2/` of public registries, as any credential is, and nowhere else.
_TOKEN = {"token": "anonymous", "access_token": "anonymous", "expires_in": 43200}


class PublicRegistry:
    """ASGI application of the public registries' hosts."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
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
    """Returns the response of `/v2/` and of the token endpoint. Raises RegistryError for all others."""
    if request.method not in _READING:
        raise Denied(f"{request.site_host} is read-only: push to a repository of a project")
    if request.path == "/v2/token":
        return Response(200, _JSON, json.dumps(_TOKEN).encode())
    if request.path == "/v2/":
        if "authorization" not in request.headers:
            realm = f"{request.scheme}://{request.host}/v2/token"
            raise Unauthorized(format_challenge(realm, request.host))
        return Response(200, _JSON, b"{}")
    raise _find_absence(request)


def _find_absence(request: Request) -> RegistryError:
    """Returns the error for the missing resource of the path."""
    name, _, resource = request.path.removeprefix("/v2/").rpartition("/")
    name, _, kind = name.rpartition("/")
    if name and resource and kind == "manifests":
        text = CONTAINER_REGISTRY.unknown_manifest
        return ManifestUnknown(text.format(reference=resource, path=request.path))
    if name and resource and kind == "blobs":
        return BlobUnknown(resource)
    if name and resource and kind in ("referrers", "tags"):
        return NameUnknown(str(CONTAINER_REGISTRY.unknown_image).format(name=name))
    return Unsupported(f"this registry has no {request.method} {request.path[:300]}")
