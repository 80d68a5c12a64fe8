"""Routes under /_emulator/, and their endpoints."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docker_credential_gcr.emulator.database.accounts.authenticator import Authenticator
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.identity.federation.aws_sigv4 import AccessKey
from docker_credential_gcr.emulator.identity.federation.issuer import Issuer
from docker_credential_gcr.emulator.identity.principal import OPERATOR
from docker_credential_gcr.emulator.identity.tokens import AccessGrant

from . import subject_tokens
from .errors import Check, check_operator, handle_errors
from .events import EventReader, get_events
from .projects import change_project, parse_kind, show_project
from .request_body import InvalidBody, load, parse_clock
from .shared_state import ControlState
from .users import UserEndpoints
from .webhooks import WebhookEndpoints

# Long enough for one command.
_TOKEN_LIFETIME_S = 300

Endpoint = Callable[["ControlServices", Request], Awaitable[Response]]
Row = tuple[str, str, Endpoint]


@dataclass(frozen=True)
class ControlServices:
    """What the endpoints need.

    `collect` collects garbage with the options older_than_s, untagged and dry_run; it blocks on the disk, and
    returns the number of removed things by kind.
    """

    state: ControlState
    operator_token: str
    strict_admin: bool
    database: Database
    authenticator: Authenticator
    issuer: Issuer
    save_aws_key: Callable[[AccessKey], Awaitable[None]]
    collect: Callable[..., dict[str, int]]
    version: str
    users: UserEndpoints
    sign_access: Callable[[AccessGrant, float], str]
    events: EventReader
    webhooks: WebhookEndpoints


async def get_health(services: ControlServices, _request: Request) -> Response:
    """Answers that the server is running."""
    return JSONResponse({"status": "ok", "version": services.version})


async def get_journal(services: ControlServices, _request: Request) -> Response:
    """Lists the last requests, oldest first."""
    return JSONResponse({"requests": await services.state.list_requests()})


async def get_image_events(services: ControlServices, request: Request) -> Response:
    """Lists what happened to images, or streams it."""
    return await get_events(services.events, request)


async def put_faults(services: ControlServices, request: Request) -> Response:
    """Replaces all faults."""
    await services.state.replace_faults(await load(request))
    return Response(status_code=204)


async def delete_faults(services: ControlServices, _request: Request) -> Response:
    """Lifts all faults."""
    await services.state.replace_faults({"faults": []})
    return Response(status_code=204)


async def put_clock(services: ControlServices, request: Request) -> Response:
    """Sets the clock: {"now": seconds} stops it there, {"offset_s": seconds} lets it run ahead."""
    await services.state.set_clock(*parse_clock(await load(request)))
    return JSONResponse({"now": services.state.clock.now()})


async def get_instance(services: ControlServices, _request: Request) -> Response:
    """Shows the metadata server's instance."""
    instance = services.state.find_instance()
    if instance is None:
        return JSONResponse({"error": "there is no metadata server: PUT an instance here"}, 404)
    return JSONResponse(instance)


async def put_instance(services: ControlServices, request: Request) -> Response:
    """Replaces the metadata server's instance."""
    await services.state.replace_instance(await load(request))
    return await get_instance(services, request)


async def delete_instance(services: ControlServices, _request: Request) -> Response:
    """Removes the metadata server."""
    await services.state.remove_instance()
    return Response(status_code=204)


async def get_project(services: ControlServices, request: Request) -> Response:
    """Shows what serves a project's gcr.io names."""
    return await show_project(services.database, request.path_params["project"])


async def patch_project(services: ControlServices, request: Request) -> Response:
    """Changes the kind of a project's registry: {"registry": "shut-down"}"""
    kind = parse_kind(await load(request))
    return await change_project(services.database, request.path_params["project"], kind)


async def post_reset(services: ControlServices, _request: Request) -> Response:
    """Resets everything: projects, images, uploads, the journal, faults and the clock."""
    await services.state.reset()
    return Response(status_code=204)


async def post_gc(services: ControlServices, request: Request) -> Response:
    """Collects garbage: {"older_than_s": seconds, "untagged": bool, "dry_run": bool}.

    Every field is optional.
    """
    options = _parse_gc(await load(request, default=b"{}"))
    return JSONResponse(await asyncio.to_thread(services.collect, **options))


async def post_user(services: ControlServices, request: Request) -> Response:
    """Creates a user."""
    return await services.users.put_user(request)


async def post_refresh_token(services: ControlServices, request: Request) -> Response:
    """Creates a login of a user."""
    return await services.users.create_login(request)


async def post_access_token(services: ControlServices, _request: Request) -> Response:
    """Issues an access token of the operator, for the registry, which accepts Google's credentials only.

    {"access_token": "ya29.…", "expires_in": 300, "token_type": "Bearer"}
    """
    now = services.state.clock.now()
    ends_at = int(now) + _TOKEN_LIFETIME_S
    grant = AccessGrant(OPERATOR.member or "", None, OPERATOR.oauth_scopes, ends_at, int(now))
    token = services.sign_access(grant, now)
    document = {"access_token": token, "expires_in": _TOKEN_LIFETIME_S, "token_type": "Bearer"}
    return JSONResponse(document, headers={"Cache-Control": "no-store"})


def _of_webhooks(endpoint: Callable[[WebhookEndpoints, Request], Awaitable[Response]]) -> Endpoint:
    async def answer(services: ControlServices, request: Request) -> Response:
        return await endpoint(services.webhooks, request)

    return answer


def _parse_gc(document: object) -> dict[str, object]:
    if not isinstance(document, dict):
        raise InvalidBody("the body is not a JSON object")
    for name, value in document.items():
        if name not in ("older_than_s", "untagged", "dry_run"):
            raise InvalidBody(f"unknown field {name!r}: known are older_than_s, untagged, dry_run")
        if name != "older_than_s" and not isinstance(value, bool):
            raise InvalidBody(f"{name} is not true or false")
        if name == "older_than_s" and not _is_duration(value):
            raise InvalidBody("older_than_s is not a number of seconds")
    return document


def _is_duration(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**37


async def get_configuration(_dependencies: ControlServices, request: Request) -> Response:
    """Shows the discovery document of the emulator's own issuer."""
    return JSONResponse(subject_tokens.format_configuration(_find_issuer(request)))


async def get_jwks(services: ControlServices, _request: Request) -> Response:
    """Shows the issuer's public key."""
    return JSONResponse(services.issuer.format_jwks())


async def post_token(services: ControlServices, request: Request) -> Response:
    """Issues a subject token with any claims."""
    return _issue(services, request, await load(request))


async def get_token(services: ControlServices, request: Request) -> Response:
    """Issues the subject token that the query describes, for clients that can only GET a URL."""
    return _issue(services, request, subject_tokens.parse_query(request.query_params))


def _issue(services: ControlServices, request: Request, document: object) -> Response:
    now = services.state.clock.now()
    claims = subject_tokens.parse_claims(document, issuer=_find_issuer(request), now=now)
    return JSONResponse({"token": services.issuer.sign(claims)}, headers={"Cache-Control": "no-store"})


async def post_aws_key(services: ControlServices, request: Request) -> Response:
    """Registers an AWS access key and its owner."""
    key = subject_tokens.parse_aws_key(await load(request))
    await services.save_aws_key(key)
    return JSONResponse(key.identity)


def _find_issuer(request: Request) -> str:
    """Returns the issuer's URL at the host that the client used."""
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}{subject_tokens.ISSUER_PATH}"


# For the operator only.
ROUTES: list[Row] = [
    ("GET", "/_emulator/journal", get_journal),
    ("GET", "/_emulator/events", get_image_events),
    ("POST", "/_emulator/webhooks", _of_webhooks(WebhookEndpoints.create)),
    ("GET", "/_emulator/webhooks", _of_webhooks(WebhookEndpoints.list)),
    ("DELETE", "/_emulator/webhooks/{webhook}", _of_webhooks(WebhookEndpoints.delete)),
    ("POST", "/_emulator/webhooks/{webhook}:test", _of_webhooks(WebhookEndpoints.test)),
    ("GET", "/_emulator/webhooks/{webhook}/deliveries", _of_webhooks(WebhookEndpoints.list_deliveries)),
    ("POST", "/_emulator/webhooks/{webhook}:redeliver", _of_webhooks(WebhookEndpoints.redeliver)),
    ("PUT", "/_emulator/faults", put_faults),
    ("DELETE", "/_emulator/faults", delete_faults),
    ("PUT", "/_emulator/clock", put_clock),
    ("GET", "/_emulator/metadata", get_instance),
    ("PUT", "/_emulator/metadata", put_instance),
    ("DELETE", "/_emulator/metadata", delete_instance),
    ("GET", "/_emulator/projects/{project}", get_project),
    ("PATCH", "/_emulator/projects/{project}", patch_project),
    ("POST", "/_emulator/reset", post_reset),
    ("POST", "/_emulator/gc", post_gc),
    ("POST", f"{subject_tokens.ISSUER_PATH}/tokens", post_token),
    ("GET", f"{subject_tokens.ISSUER_PATH}/tokens", get_token),
    ("POST", f"{subject_tokens.ISSUER_PATH}/awsKeys", post_aws_key),
    ("POST", "/_emulator/users", post_user),
    ("POST", "/_emulator/refreshTokens", post_refresh_token),
    ("POST", "/_emulator/accessTokens", post_access_token),
]
PUBLIC: list[Row] = [
    ("GET", "/_emulator/health", get_health),
    ("GET", f"{subject_tokens.ISSUER_PATH}/.well-known/openid-configuration", get_configuration),
    ("GET", f"{subject_tokens.ISSUER_PATH}/jwks", get_jwks),
]


def build_routes(services: ControlServices) -> list[Route]:
    """Returns the routes; each checks the caller, and turns errors into responses."""

    async def check(request: Request) -> None:
        def work(connection: Connection) -> None:
            check_operator(
                request,
                operator_token=services.operator_token,
                strict=services.strict_admin,
                verify=lambda token: services.authenticator.authenticate(connection, f"Bearer {token}"),
            )

        await services.database.read(work)

    async def accept(_request: Request) -> None:
        """Accepts every request."""

    def build(rows: list[Row], check: Check) -> list[Route]:
        return [
            Route(path, handle_errors(check, functools.partial(endpoint, services)), methods=[method])
            for method, path, endpoint in rows
        ]

    return [*build(PUBLIC, accept), *build(ROUTES, check)]
