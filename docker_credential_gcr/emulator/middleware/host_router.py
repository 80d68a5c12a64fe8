"""Host router: routes each request to its site by port or Host header, and on other hosts by path."""

import json
import re
from collections.abc import Awaitable, Mapping
from functools import lru_cache

from docker_credential_gcr.emulator.request_context import note_reason
from docker_credential_gcr.emulator.runtime.asgi import App, Message, Receive, Send
from docker_credential_gcr.emulator.sites.hosts import (
    HOST_SIZE,
    REGISTRY_PATHS,
    find_canonical_host,
    find_public_registry,
    find_site,
    is_google_api,
    is_metadata_server,
)
from docker_credential_gcr.emulator.sites.ports import PORT_SITE

from . import landing_page
from .external_url import ExternalUrl

# A host name or address, with or without a port; no character that could end a quoted string in a challenge.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

_NO_HOST = "a request needs one Host header that names a host"
# The longest registered method has 17 letters. https://www.iana.org/assignments/http-methods
_METHOD_SIZE = 32

_REGISTRY, _PUBLIC, _GOOGLE, _METADATA, _EVERYTHING = (
    "registry", "public", "google", "metadata", "everything",
)  # fmt: skip


class HostRouter:
    """ASGI application of the port: calls the registry's, the metadata server's or the other APIs'."""

    def __init__(
        self,
        registry: App,
        public: App,
        others: App,
        metadata: App,
        *,
        is_open: bool = False,
        external_url: str | None = None,
    ) -> None:
        self._is_open = is_open
        self._registry = registry
        self._public = public
        self._others = others
        self._metadata = metadata
        self._external = ExternalUrl(external_url) if external_url else None

    # A plain function that returns the site's coroutine: one more would cost every request.
    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Passes one request to its site."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        port_site = scope.get(PORT_SITE)
        kind = _classify(hosts[0], port_site) if len(hosts) == 1 else None
        if kind is None:
            return _refuse(send, 400, _NO_HOST)
        is_registry = scope["raw_path"].startswith(REGISTRY_PATHS)
        # Before the external URL: no load balancer is in front of the metadata server, which refuses a Host
        # that may be DNS rebinding.
        if kind == _METADATA or (kind == _EVERYTHING and not is_registry and _is_metadata(scope)):
            return self._metadata(scope, receive, send)
        if self._external is not None:
            scope = self._external.replace_origin(scope, keeps_host=kind != _EVERYTHING)
        if is_registry and kind in (_REGISTRY, _EVERYTHING):
            return self._registry(scope, receive, send)
        if is_registry and kind == _PUBLIC:
            return self._public(scope, receive, send)
        if kind in (_REGISTRY, _PUBLIC):
            host = port_site or hosts[0].decode("latin-1")
            return _refuse(send, 404, f"{host} is a registry: its API begins at /v2/")
        if kind == _EVERYTHING and landing_page.is_asked_for(scope):
            return landing_page.send_page(scope, send, is_open=self._is_open)
        return self._others(scope, receive, send)


def check_request_head(app: App, *, probes: Mapping[bytes, App]) -> App:
    """Returns `app` behind checks of method, Host and Transfer-Encoding, which every request passes first.

    They bound what journal and caches store, and complete Host for all later readers. `probes` are the
    applications of their paths, on hosts other than Google's, before the rate limit, so that no orchestrator
    is refused.
    """

    # A plain function, as HostRouter.__call__ is.
    def checked(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        if len(scope["method"]) > _METHOD_SIZE:
            return _refuse(send, 501, f"no method has more than {_METHOD_SIZE} letters")
        for name, value in scope["headers"]:
            if name == b"host":
                if len(value) > HOST_SIZE:
                    return _refuse(send, 400, _NO_HOST)
                if value[-1:] in (b"", b":"):
                    scope = _complete_host(scope, value)
            elif name == b"transfer-encoding" and value.lower() != b"chunked":
                # Granian decodes chunked only. https://www.rfc-editor.org/rfc/rfc9112#section-6.1
                return _refuse(send, 501, "the only Transfer-Encoding is chunked: send the body as it is")
        probe = probes.get(scope["raw_path"])
        if probe is not None and scope["method"] in ("GET", "HEAD") and _is_own_host(scope):
            return probe(scope, receive, send)
        return app(scope, receive, send)

    return checked


def _is_own_host(scope: Message) -> bool:
    """Returns whether the request's host is not a Google host."""
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return PORT_SITE not in scope and find_canonical_host(host) is None


def _complete_host(scope: Message, host: bytes) -> Message:
    """Removes an empty port from Host; gives a request of HTTP/1.0 without Host the server's address.

    https://www.rfc-editor.org/rfc/rfc3986#section-3.2.3
    https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    """
    host = host.removesuffix(b":")
    # "1" is HTTP/1.0 for Granian, which replaces a missing Host by an empty one.
    if not host and scope["http_version"] == "1":
        address, port = scope["server"]
        host = (f"[{address}]:{port}" if ":" in address else f"{address}:{port}").encode()
    return {
        **scope,
        "headers": [(name, host if name == b"host" else value) for name, value in scope["headers"]],
    }


@lru_cache(1024)
def _classify(header: bytes, port_site: str | None) -> str | None:
    """Returns what the host, or the port's site if there is one, serves; None for an invalid header."""
    host = header.decode("latin-1")
    if not _HOST.fullmatch(host):
        return None
    host = port_site or host
    if is_google_api(host):
        return _GOOGLE
    if is_metadata_server(host):
        return _METADATA
    if find_public_registry(host) is not None:
        return _PUBLIC
    return _EVERYTHING if find_site(host) is None else _REGISTRY


def _is_metadata(scope: Message) -> bool:
    """Returns whether the path, or at the root the header Metadata-Flavor, asks for the metadata server."""
    path: bytes = scope["raw_path"]
    if path == b"/":
        return any(name == b"metadata-flavor" for name, _ in scope["headers"])
    return path == b"/computeMetadata" or path.startswith(b"/computeMetadata/")


async def _refuse(send: Send, status: int, message: str) -> None:
    note_reason(message)
    body = json.dumps({"error": {"code": status, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
