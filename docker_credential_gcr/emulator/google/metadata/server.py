"""Metadata server (metadata.google.internal): an instance's metadata, and tokens of its service account.

GET /computeMetadata/v1/instance/service-accounts/default/token   Metadata-Flavor: Google
200 {"access_token": "ya29.…", "expires_in": 3599, "token_type": "Bearer"}

https://cloud.google.com/compute/docs/metadata/querying-metadata
"""

import asyncio
import html
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from docker_credential_gcr.emulator.gce_instance import CurrentInstance, Instance
from docker_credential_gcr.emulator.google.authorization import find_project
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.identity.administrators import find_forwarding_header
from docker_credential_gcr.emulator.identity.principal import format_service_account
from docker_credential_gcr.emulator.request_context import find_request_id, note_member
from docker_credential_gcr.emulator.runtime.errors import Unavailable
from docker_credential_gcr.emulator.sites.hosts import is_safe_from_rebinding

from .query_options import Options, parse_options
from .responses import IDENTITY, JSON, TEXT, Refused, format_page, format_unavailable, redirect, reply
from .tokens import AccessTokenCache, find_account, issue_id_token, narrow_scopes
from .tree import (
    Directory,
    TokenKind,
    Value,
    build_tree,
    find_node,
    format_etag,
    format_json,
    format_listing,
    format_text,
)

_logger = logging.getLogger(__name__)

# Seconds between two checks of a request that waits for a change.
_POLL_INTERVAL_S = 0.05
# The second is the older header, still accepted. https://cloud.google.com/compute/docs/metadata/querying-metadata#required_headers
_FLAVORS = {"metadata-flavor": "google", "x-google-metadata-request": "true"}


class _NoInstance(Exception):
    """No instance is set: there is no metadata server."""


class MetadataServer:
    """ASGI application of the metadata server; without an instance, `fallback` answers with its own 404.

    `takes_any_host` lets a client use a Host that is neither loopback's nor Google's. `refresh` reads the
    instance that another worker has set.
    """

    def __init__(
        self,
        services: GoogleServices,
        current: CurrentInstance,
        fallback: Any,
        *,
        refresh: Callable[[], Awaitable[None]],
        takes_any_host: bool,
    ) -> None:
        self._services = services
        self._current = current
        self._refresh = refresh
        self._fallback = fallback
        self._takes_any_host = takes_any_host
        self._tokens = AccessTokenCache(services)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except _NoInstance:
            await self._fallback(scope, receive, send)
            return
        except Refused as refusal:
            response = format_page(refusal.status, str(refusal))
        except Unavailable as error:
            response = format_unavailable(error)
        # Every other exception becomes the metadata server's page too: clients look for its header.
        except Exception:
            _logger.exception("internal error in request %s", find_request_id())
            response = format_page(500, "The server encountered an error.")
        await response(scope, receive, send)

    def forget(self) -> None:
        """Clears the token cache: the next requests get new tokens."""
        self._tokens.clear()

    async def _answer(self, request: Request) -> Response:
        instance = self._get_instance()
        if instance.delay_s:
            await asyncio.sleep(instance.delay_s)
        path = request.scope["raw_path"].decode("latin-1")
        self._check(request, path)
        names = [unquote(name) for name in path.split("/")[1:]]
        node = await self._get_node(names, path)
        if isinstance(node, TokenKind):
            return await self._issue_token(node, request, names[-2])
        if isinstance(node, Directory) and names[-1]:
            return redirect(request, f"{path}/")
        options = parse_options(request)
        content, media_type = await self._render(names, path, options)
        if options.waits:
            await self._wait(request, names, path, options)
            content, media_type = await self._render(names, path, options)
        return reply(content, media_type)

    def _get_instance(self) -> Instance:
        if self._current.instance is None:
            raise _NoInstance
        return self._current.instance

    def _check(self, request: Request, path: str) -> None:
        """Raises Refused for a request that Google's server refuses, and for DNS rebinding by a web page."""
        denied = f"Your client does not have permission to get URL <code>{html.escape(path)}</code>"
        host = request.headers.get("host", "")
        if not (self._takes_any_host or is_safe_from_rebinding(host)):
            raise Refused(403, f"{denied} from a server with that name.")
        forwarding = find_forwarding_header(request.headers)
        if forwarding is not None:
            name = html.escape(forwarding.title())
            raise Refused(403, f"{denied} through a proxy: the request has the header {name}.")
        if request.method not in ("GET", "HEAD"):
            raise Refused(
                405, f"The request method <code>{html.escape(request.method)}</code> is inappropriate."
            )
        # Google's Go library requests / without the header. https://pkg.go.dev/cloud.google.com/go/compute/metadata#OnGCE
        if path != "/" and not any(
            request.headers.get(name, "").lower() == value for name, value in _FLAVORS.items()
        ):
            raise Refused(403, f"{denied} from this server. Missing Metadata-Flavor:Google header.")

    async def _get_node(self, names: list[str], path: str) -> Directory | Value | TokenKind:
        instance = self._get_instance()
        read = self._services.database.read
        project = await read(lambda connection: find_project(connection, instance.project))
        tree = build_tree(instance, None if project is None else int(project.number))
        # The last name is empty if the path ends with a slash.
        is_directory = names[-1] == ""
        node = find_node(tree, names[:-1] if is_directory else names)
        if node is None or (is_directory and not isinstance(node, Directory)):
            raise Refused(
                404, f"The requested URL <code>{html.escape(path)}</code> was not found on this server."
            )
        return node

    async def _render(self, names: list[str], path: str, options: Options) -> tuple[str, str]:
        node = await self._get_node(names, path)
        assert not isinstance(node, TokenKind)  # noqa: S101 - `_answer` has answered those
        if options.alt != "json":
            return format_text(node, recursive=options.recursive), TEXT
        if isinstance(node, Directory) and not options.recursive:
            return json.dumps(format_listing(node)), JSON
        return format_json(node), JSON

    async def _wait(self, request: Request, names: list[str], path: str, options: Options) -> None:
        """Waits until the content changes, the client's timeout ends, or the client disconnects."""

        async def find_etag() -> str:
            return format_etag((await self._render(names, path, options))[0])

        known = options.last_etag or await find_etag()
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + options.timeout_s
        disconnected = asyncio.ensure_future(_wait_for_disconnect(request))
        try:
            while True:
                # Before the content is read, which takes a moment: a change within it counts.
                instance = self._current.instance
                if await find_etag() != known or disconnected.done() or ends_at <= loop.time():
                    return
                await self._wait_for_instance(instance, disconnected, ends_at)
        finally:
            disconnected.cancel()

    async def _wait_for_instance(
        self, instance: Instance | None, disconnected: "asyncio.Future[None]", ends_at: float
    ) -> None:
        """Waits until there is another instance, the client disconnects, or the time is `ends_at`."""
        loop = asyncio.get_running_loop()
        while self._current.instance is instance and (left_s := ends_at - loop.time()) > 0:
            await asyncio.wait({disconnected}, timeout=min(left_s, _POLL_INTERVAL_S))
            if disconnected.done():
                return
            await self._refresh()

    async def _issue_token(self, kind: TokenKind, request: Request, name: str) -> Response:
        instance = self._get_instance()
        account = await find_account(self._services, instance)
        if account is None:
            raise Refused(404, f"The service account <code>{html.escape(name)}</code> was not found.")
        note_member(format_service_account(account.email))
        query = request.query_params
        if kind is TokenKind.TOKEN:
            scopes = narrow_scopes(instance, query.get("scopes"))
            if not scopes:
                raise Refused(404, "The instance's service account has no access scopes.")
            return reply(json.dumps(await self._tokens.issue(account, scopes)), JSON)
        audience, form = query.get("audience"), query.get("format", "standard")
        if not audience:
            raise Refused(400, "non-empty audience parameter required")
        if form not in ("standard", "full"):
            raise Refused(400, "the format parameter must be standard or full")
        token = await issue_id_token(self._services, instance, account, audience, full=form == "full")
        return reply(token, IDENTITY)


async def _wait_for_disconnect(request: Request) -> None:
    # The first message is the empty body of a GET, the second is the disconnect.
    await request.receive()
    await request.receive()
