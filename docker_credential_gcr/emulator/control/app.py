"""The routes under /_emulator/."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.current_request import note_member
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator, find_administrator
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal

from .faults import Faults, InvalidFaults, parse_faults
from .journal import Journal

_BODY_LIMIT = 1024 * 1024

Endpoint = Callable[["Services", Request], Awaitable[Response]]


@dataclass(frozen=True)
class Services:
    """What the control's functions are handed; `reset` brings the server to the state it began in."""

    clock: Clock
    journal: Journal
    faults: Faults
    operator_token: str
    strict_admin: bool
    verify: Callable[[str], Principal]
    reset: Callable[[], Awaitable[None]]
    version: str


class InvalidBody(ValueError):
    """The request's body is not what this resource takes."""


async def get_health(services: Services, _request: Request) -> Response:
    """Say that the server answers."""
    return JSONResponse({"status": "ok", "version": services.version})


async def get_journal(services: Services, _request: Request) -> Response:
    """The last requests, oldest first."""
    return JSONResponse({"requests": services.journal.list_entries()})


async def put_faults(services: Services, request: Request) -> Response:
    """Put faults in force."""
    services.faults.replace(parse_faults(await _load(request)))
    return Response(status_code=204)


async def delete_faults(services: Services, _request: Request) -> Response:
    """Lift all faults."""
    services.faults.replace([])
    return Response(status_code=204)


async def put_clock(services: Services, request: Request) -> Response:
    """Set the clock: {"now": seconds} stands still there, {"offset_s": seconds} runs ahead."""
    document = await _load(request)
    if not isinstance(document, dict) or len(document) != 1:
        raise InvalidBody('expected {"now": SECONDS} or {"offset_s": SECONDS}')
    ((name, value),) = document.items()
    if name not in ("now", "offset_s") or isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidBody('expected {"now": SECONDS} or {"offset_s": SECONDS}')
    # Beyond these years neither a date nor a token can be written.
    if not abs(value) < 2**37:
        raise InvalidBody(f"{name} is out of range")
    if name == "now":
        services.clock.set(value)
    else:
        services.clock.shift(value)
    return JSONResponse({"now": services.clock.now()})


async def post_reset(services: Services, _request: Request) -> Response:
    """Forget everything: projects, images, uploads, the journal, faults and the clock."""
    await services.reset()
    return Response(status_code=204)


def routes(services: Services) -> list[Route]:
    """The routes, each behind the rim that checks who asks and turns errors into statuses."""
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/_emulator/journal", get_journal),
        ("PUT", "/_emulator/faults", put_faults),
        ("DELETE", "/_emulator/faults", delete_faults),
        ("PUT", "/_emulator/clock", put_clock),
        ("POST", "/_emulator/reset", post_reset),
    ]
    guarded = [Route(path, _guard(services, endpoint), methods=[method]) for method, path, endpoint in table]
    return [Route("/_emulator/health", _bind(services, get_health)), *guarded]


def _bind(services: Services, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def bound(request: Request) -> Response:
        return await endpoint(services, request)

    return bound


def _guard(services: Services, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            principal = find_administrator(
                request.headers,
                request.client.host if request.client else "",
                operator_token=services.operator_token,
                strict=services.strict_admin,
                verify=services.verify,
            )
        except NotAnAdministrator as error:
            return JSONResponse({"error": str(error)}, 401)
        note_member(principal.member)
        if principal != OPERATOR:
            return JSONResponse({"error": "only the operator may do this"}, 403)
        try:
            return await endpoint(services, request)
        except (InvalidBody, InvalidFaults) as error:
            return JSONResponse({"error": str(error)}, 400)

    return guarded


async def _load(request: Request) -> object:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_LIMIT:
                raise InvalidBody(f"the body is larger than {_BODY_LIMIT} bytes")
    except ClientDisconnect as error:
        raise InvalidBody("the body did not arrive whole") from error
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidBody("the body is not JSON") from error
