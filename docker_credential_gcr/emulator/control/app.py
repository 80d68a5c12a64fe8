"""The routes under /_emulator/."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docker_credential_gcr.emulator.blobs.filesystem import CollectionBusy
from docker_credential_gcr.emulator.current_request import note_member
from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator, find_administrator
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal
from docker_credential_gcr.emulator.machine import InvalidMachine

from .faults import InvalidFaults
from .state import State

_BODY_LIMIT = 1024 * 1024

Endpoint = Callable[["Services", Request], Awaitable[Response]]


@dataclass(frozen=True)
class Services:
    """What the control's functions are handed.

    `collect` removes garbage as its options say (older_than_s, untagged, dry_run), blocks on the disk,
    and returns what it removed by kind.
    """

    state: State
    operator_token: str
    strict_admin: bool
    verify: Callable[[str], Principal]
    collect: Callable[..., dict[str, int]]
    version: str


class InvalidBody(ValueError):
    """The request's body is not what this resource takes."""


async def get_health(services: Services, _request: Request) -> Response:
    """Say that the server answers."""
    return JSONResponse({"status": "ok", "version": services.version})


async def get_journal(services: Services, _request: Request) -> Response:
    """The last requests, oldest first."""
    return JSONResponse({"requests": await services.state.list_requests()})


async def put_faults(services: Services, request: Request) -> Response:
    """Put faults in force."""
    await services.state.replace_faults(await _load(request))
    return Response(status_code=204)


async def delete_faults(services: Services, _request: Request) -> Response:
    """Lift all faults."""
    await services.state.replace_faults({"faults": []})
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
    await services.state.set_clock(*((value, 0.0) if name == "now" else (None, value)))
    return JSONResponse({"now": services.state.clock.now()})


async def get_machine(services: Services, _request: Request) -> Response:
    """The machine that the metadata server speaks for."""
    machine = services.state.find_machine()
    if machine is None:
        return JSONResponse({"error": "there is no metadata server: PUT a machine here"}, 404)
    return JSONResponse(machine)


async def put_machine(services: Services, request: Request) -> Response:
    """Let the metadata server speak for another machine; as it is then."""
    await services.state.replace_machine(await _load(request))
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
    options = _parse_gc(await _load(request, default=b"{}"))
    try:
        return JSONResponse(await asyncio.to_thread(services.collect, **options))
    except CollectionBusy as error:
        return JSONResponse({"error": str(error)}, 409)


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


def routes(services: Services) -> list[Route]:
    """The routes, each behind the rim that checks who asks and turns errors into statuses."""
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/_emulator/journal", get_journal),
        ("PUT", "/_emulator/faults", put_faults),
        ("DELETE", "/_emulator/faults", delete_faults),
        ("PUT", "/_emulator/clock", put_clock),
        ("GET", "/_emulator/metadata", get_machine),
        ("PUT", "/_emulator/metadata", put_machine),
        ("DELETE", "/_emulator/metadata", delete_machine),
        ("POST", "/_emulator/reset", post_reset),
        ("POST", "/_emulator/gc", post_gc),
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
        except (InvalidBody, InvalidFaults, InvalidMachine) as error:
            return JSONResponse({"error": str(error)}, 400)

    return guarded


async def _load(request: Request, default: bytes = b"") -> object:
    """The body's JSON; that of `default` where there is no body. Raises InvalidBody."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_LIMIT:
                raise InvalidBody(f"the body is larger than {_BODY_LIMIT} bytes")
    except ClientDisconnect as error:
        raise InvalidBody("the body did not arrive whole") from error
    try:
        return json.loads(body or default)
    except (ValueError, RecursionError) as error:
        raise InvalidBody("the body is not JSON") from error
