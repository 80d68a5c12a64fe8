"""The routes under /_emulator/."""

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

from . import subject_tokens as issuer
from .errors import Check, answer_errors, check_operator
from .request_body import InvalidBody, load, parse_clock
from .state import State
from .users import People

# Long enough for one command.
_TOKEN_LIFETIME_S = 300

Endpoint = Callable[["Services", Request], Awaitable[Response]]
Row = tuple[str, str, Endpoint]


@dataclass(frozen=True)
class Services:
    """What the control's functions are handed.

    `collect` removes garbage as its options say (older_than_s, untagged, dry_run), blocks on the disk,
    and returns what it removed by kind.
    """

    state: State
    operator_token: str
    strict_admin: bool
    database: Database
    authenticator: Authenticator
    issuer: Issuer
    keep_aws_key: Callable[[AccessKey], Awaitable[None]]
    collect: Callable[..., dict[str, int]]
    version: str
    people: People
    sign_access: Callable[[AccessGrant, float], str]


async def get_health(services: Services, _request: Request) -> Response:
    """Say that the server answers."""
    return JSONResponse({"status": "ok", "version": services.version})


async def get_journal(services: Services, _request: Request) -> Response:
    """The last requests, oldest first."""
    return JSONResponse({"requests": await services.state.list_requests()})


async def put_faults(services: Services, request: Request) -> Response:
    """Put faults in force."""
    await services.state.replace_faults(await load(request))
    return Response(status_code=204)


async def delete_faults(services: Services, _request: Request) -> Response:
    """Lift all faults."""
    await services.state.replace_faults({"faults": []})
    return Response(status_code=204)


async def put_clock(services: Services, request: Request) -> Response:
    """Set the clock: {"now": seconds} stands still there, {"offset_s": seconds} runs ahead."""
    await services.state.set_clock(*parse_clock(await load(request)))
    return JSONResponse({"now": services.state.clock.now()})


async def get_machine(services: Services, _request: Request) -> Response:
    """The machine that the metadata server speaks for."""
    machine = services.state.find_machine()
    if machine is None:
        return JSONResponse({"error": "there is no metadata server: PUT a machine here"}, 404)
    return JSONResponse(machine)


async def put_machine(services: Services, request: Request) -> Response:
    """Let the metadata server speak for another machine; as it is then."""
    await services.state.replace_machine(await load(request))
    return await get_machine(services, request)


async def delete_machine(services: Services, _request: Request) -> Response:
    """Take the metadata server away."""
    await services.state.remove_machine()
    return Response(status_code=204)


async def post_reset(services: Services, _request: Request) -> Response:
    """Forget everything: projects, images, uploads, the journal, faults and the clock."""
    await services.state.reset()
    return Response(status_code=204)


async def post_gc(services: Services, request: Request) -> Response:
    """Remove what nothing needs: {"older_than_s": seconds, "untagged": bool, "dry_run": bool}.

    Every field may be left out.
    """
    options = _parse_gc(await load(request, default=b"{}"))
    return JSONResponse(await asyncio.to_thread(services.collect, **options))


async def post_user(services: Services, request: Request) -> Response:
    """Make a person."""
    return await services.people.put_user(request)


async def post_refresh_token(services: Services, request: Request) -> Response:
    """Begin a login of a person."""
    return await services.people.begin_login(request)


async def post_access_token(services: Services, _request: Request) -> Response:
    """Issues an access token of the operator, for the registry, which takes Google's credentials alone.

    {"access_token": "ya29.…", "expires_in": 300, "token_type": "Bearer"}
    """
    now = services.state.clock.now()
    ends_at = int(now) + _TOKEN_LIFETIME_S
    grant = AccessGrant(OPERATOR.member or "", None, OPERATOR.oauth_scopes, ends_at, int(now))
    token = services.sign_access(grant, now)
    document = {"access_token": token, "expires_in": _TOKEN_LIFETIME_S, "token_type": "Bearer"}
    return JSONResponse(document, headers={"Cache-Control": "no-store"})


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


async def get_configuration(_services: Services, request: Request) -> Response:
    """Describe the emulator's own issuer."""
    return JSONResponse(issuer.format_configuration(_find_issuer(request)))


async def get_jwks(services: Services, _request: Request) -> Response:
    """Show the issuer's public key."""
    return JSONResponse(services.issuer.format_jwks())


async def post_token(services: Services, request: Request) -> Response:
    """Mint a subject token, with whatever claims are wanted."""
    return _mint(services, request, await load(request))


async def get_token(services: Services, request: Request) -> Response:
    """Mint the subject token that the query describes, for clients that can only ask a URL for one."""
    return _mint(services, request, issuer.parse_query(request.query_params))


def _mint(services: Services, request: Request, document: object) -> Response:
    now = services.state.clock.now()
    claims = issuer.parse_claims(document, issuer=_find_issuer(request), now=now)
    return JSONResponse({"token": services.issuer.sign(claims)}, headers={"Cache-Control": "no-store"})


async def post_aws_key(services: Services, request: Request) -> Response:
    """Register an access key of AWS, and whose it is."""
    key = issuer.parse_aws_key(await load(request))
    await services.keep_aws_key(key)
    return JSONResponse(key.identity)


def _find_issuer(request: Request) -> str:
    """The issuer's URL, as the client has reached it."""
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}{issuer.ISSUER_PATH}"


# Who may ask is checked for all but PUBLIC.
ROUTES: list[Row] = [
    ("GET", "/_emulator/journal", get_journal),
    ("PUT", "/_emulator/faults", put_faults),
    ("DELETE", "/_emulator/faults", delete_faults),
    ("PUT", "/_emulator/clock", put_clock),
    ("GET", "/_emulator/metadata", get_machine),
    ("PUT", "/_emulator/metadata", put_machine),
    ("DELETE", "/_emulator/metadata", delete_machine),
    ("POST", "/_emulator/reset", post_reset),
    ("POST", "/_emulator/gc", post_gc),
    ("POST", f"{issuer.ISSUER_PATH}/tokens", post_token),
    ("GET", f"{issuer.ISSUER_PATH}/tokens", get_token),
    ("POST", f"{issuer.ISSUER_PATH}/awsKeys", post_aws_key),
    ("POST", "/_emulator/users", post_user),
    ("POST", "/_emulator/refreshTokens", post_refresh_token),
    ("POST", "/_emulator/accessTokens", post_access_token),
]
PUBLIC: list[Row] = [
    ("GET", "/_emulator/health", get_health),
    ("GET", f"{issuer.ISSUER_PATH}/.well-known/openid-configuration", get_configuration),
    ("GET", f"{issuer.ISSUER_PATH}/jwks", get_jwks),
]


def routes(services: Services) -> list[Route]:
    """The routes, each behind the rim that checks who asks and turns errors into statuses."""

    async def check(request: Request) -> None:
        def work(connection: Connection) -> None:
            check_operator(
                request,
                operator_token=services.operator_token,
                strict=services.strict_admin,
                verify=lambda token: services.authenticator.authenticate(connection, f"Bearer {token}"),
            )

        await services.database.read(work)

    async def admit(_request: Request) -> None:
        """Accepts every request."""

    def make(rows: list[Row], check: Check) -> list[Route]:
        return [
            Route(path, answer_errors(check, functools.partial(endpoint, services)), methods=[method])
            for method, path, endpoint in rows
        ]

    return [*make(PUBLIC, admit), *make(ROUTES, check)]
