"""iam.googleapis.com: the providers of workload identity pools.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.providers import parse_provider
from docker_credential_gcr.emulator.records import workload_identity
from docker_credential_gcr.emulator.records.workload_identity import Pool, Provider

from .access import find_caller
from .bodies import read_json
from .errors import NotFound
from .field_masks import merge
from .operations import finish, new_id
from .paging import parse_page
from .request_messages import PROVIDER
from .services import Services
from .workload_identity_pools import (
    demand_deleted,
    demand_living,
    find_pool,
    format_state,
    is_gone,
    is_shown,
    parse_id,
    parse_settings,
)

_TYPE = "type.googleapis.com/google.iam.v1.WorkloadIdentityPoolProvider"


async def create_provider(request: Request, services: Services) -> JSONResponse:
    """Make a provider of the ID in ?workloadIdentityPoolProviderId."""
    caller = find_caller(request, services)
    body = await read_json(request)
    provider_id, settings = (
        parse_id(request, "workloadIdentityPoolProviderId"),
        parse_settings(parse_provider, body),
    )

    def work(connection: Connection) -> dict[str, Any]:
        pool = demand_living(_find_pool(connection, request, caller, services, "create"))
        now = services.clock.now()
        provider = workload_identity.create_provider(connection, pool, provider_id, settings, now=now)
        return _finish(connection, services, caller, provider)

    return JSONResponse(await services.database.write(work))


async def list_providers(request: Request, services: Services) -> JSONResponse:
    """The pool's providers, by ID; with ?showDeleted those too that can be taken back."""
    caller = find_caller(request, services)
    page = parse_page(request, default=50)
    with services.database.read() as connection:
        pool = _find_pool(connection, request, caller, services, "list")
        every = workload_identity.list_providers(connection, pool, last=page.last)
        shown = (provider for provider in every if is_shown(request, services, provider))
        listed = page.format(
            "workloadIdentityPoolProviders", shown, format_state, lambda provider: provider.provider_id
        )
    return JSONResponse(listed)


async def show_provider(request: Request, services: Services) -> JSONResponse:
    """One provider."""
    caller = find_caller(request, services)
    with services.database.read() as connection:
        provider = _find(connection, request, caller, services, "get")
    return JSONResponse(format_state(provider))


async def patch_provider(request: Request, services: Services) -> JSONResponse:
    """Change those of the provider's fields that ?updateMask names."""
    body = await read_json(request)

    def change(provider: Provider) -> Provider:
        settings = parse_settings(parse_provider, merge(request, provider.settings, body, PROVIDER))
        return replace(demand_living(provider), settings=settings)

    return await _change(request, services, "update", change)


async def delete_provider(request: Request, services: Services) -> JSONResponse:
    """Take no token of the provider's any more; for thirty days that can be taken back."""

    def change(provider: Provider) -> Provider:
        return replace(demand_living(provider), deleted_at=int(services.clock.now()))

    return await _change(request, services, "delete", change)


async def undelete_provider(request: Request, services: Services) -> JSONResponse:
    """Take the deletion back."""
    await read_json(request)

    def change(provider: Provider) -> Provider:
        return replace(demand_deleted(provider), deleted_at=None)

    return await _change(request, services, "undelete", change)


def _find_pool(
    connection: Connection, request: Request, caller: Principal, services: Services, verb: str
) -> Pool:
    permission = f"iam.workloadIdentityPoolProviders.{verb}"
    return find_pool(connection, request, caller, services, permission)


def _find(
    connection: Connection, request: Request, caller: Principal, services: Services, verb: str
) -> Provider:
    pool = _find_pool(connection, request, caller, services, verb)
    provider = workload_identity.find_provider(connection, pool, request.path_params["provider"])
    if provider is None or is_gone(provider, services):
        raise NotFound("Requested entity was not found.")
    return provider


async def _change(
    request: Request, services: Services, verb: str, change: Callable[[Provider], Provider]
) -> JSONResponse:
    caller = find_caller(request, services)

    def work(connection: Connection) -> dict[str, Any]:
        provider = _find(connection, request, caller, services, verb)
        changed = workload_identity.save_provider(connection, change(provider))
        return _finish(connection, services, caller, changed)

    return JSONResponse(await services.database.write(work))


def _finish(
    connection: Connection, services: Services, caller: Principal, provider: Provider
) -> dict[str, Any]:
    name = f"{provider.name}/operations/{new_id()}"
    return finish(connection, services, caller, name, {"@type": _TYPE, **format_state(provider)})
