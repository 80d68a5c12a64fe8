"""iam.googleapis.com: workload identity pools. Their providers are in workload_identity_providers.py.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.federation import POOL_ID_RULE, is_pool_id
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.providers import InvalidSettings, parse_texts
from docker_credential_gcr.emulator.records import workload_identity
from docker_credential_gcr.emulator.records.workload_identity import KEPT_S, Pool, Provider

from .access import find_caller, get_project
from .bodies import read_json
from .errors import FailedPrecondition, InvalidArgument, NotFound
from .field_masks import merge
from .operations import finish, new_id
from .paging import cut, parse_page
from .request_messages import POOL
from .services import Services
from .times import format_instant

T = TypeVar("T", Pool, Provider)

_TYPE = "type.googleapis.com/google.iam.v1.WorkloadIdentityPool"


async def create_pool(request: Request, services: Services) -> JSONResponse:
    """Make a pool of the ID in ?workloadIdentityPoolId."""
    caller = find_caller(request, services)
    body = await read_json(request)
    pool_id, settings = parse_id(request, "workloadIdentityPoolId"), parse_settings(parse_texts, body)

    def work(connection: Connection) -> dict[str, Any]:
        project_name = request.path_params["project"]
        project = get_project(connection, project_name, caller, "iam.workloadIdentityPools.create")
        now = services.clock.now()
        pool = workload_identity.create(connection, project, pool_id, settings, now=now)
        return _finish(connection, services, caller, pool)

    return JSONResponse(await services.database.write(work))


async def list_pools(request: Request, services: Services) -> JSONResponse:
    """The project's pools, by ID; with ?showDeleted those too that can be taken back."""
    caller = find_caller(request, services)
    page = parse_page(request, default=50)
    with services.database.read() as connection:
        name = request.path_params["project"]
        project = get_project(connection, name, caller, "iam.workloadIdentityPools.list")
        pools = workload_identity.list_in(connection, project)
    pools = [pool for pool in pools if is_shown(request, services, pool)]

    def key(pool: Pool) -> str:
        return pool.pool_id

    return JSONResponse(page.format("workloadIdentityPools", cut(pools, page, key), format_state, key))


async def show_pool(request: Request, services: Services) -> JSONResponse:
    """One pool."""
    caller = find_caller(request, services)
    with services.database.read() as connection:
        pool = find_pool(connection, request, caller, services, "iam.workloadIdentityPools.get")
    return JSONResponse(format_state(pool))


async def patch_pool(request: Request, services: Services) -> JSONResponse:
    """Change those of the pool's fields that ?updateMask names."""
    body = await read_json(request)

    def change(pool: Pool) -> Pool:
        settings = parse_settings(parse_texts, merge(request, pool.settings, body, POOL))
        return replace(demand_living(pool), settings=settings)

    return await _change(request, services, "update", change)


async def delete_pool(request: Request, services: Services) -> JSONResponse:
    """Let no identity of the pool do anything; for thirty days that can be taken back."""

    def change(pool: Pool) -> Pool:
        return replace(demand_living(pool), deleted_at=int(services.clock.now()))

    return await _change(request, services, "delete", change)


async def undelete_pool(request: Request, services: Services) -> JSONResponse:
    """Take the deletion back."""
    await read_json(request)

    def change(pool: Pool) -> Pool:
        return replace(demand_deleted(pool), deleted_at=None)

    return await _change(request, services, "undelete", change)


def find_pool(
    connection: Connection, request: Request, caller: Principal, services: Services, permission: str
) -> Pool:
    """The pool that the path names, if the caller has the permission on its project; see get_project."""
    project = get_project(connection, request.path_params["project"], caller, permission)
    pool = workload_identity.find(connection, project.number, request.path_params["pool"])
    if pool is None or is_gone(pool, services):
        raise NotFound("Requested entity was not found.")
    return pool


def parse_id(request: Request, parameter: str) -> str:
    """The ID that a new pool, or a new provider, is to have. Raises InvalidArgument."""
    text = request.query_params.get(parameter, "")
    if not is_pool_id(text):
        raise InvalidArgument(f"Invalid {parameter}: it must be {POOL_ID_RULE}.")
    return text


def parse_settings(parse: Callable[[Any], dict[str, Any]], document: object) -> dict[str, Any]:
    """What `parse` makes of the document. Raises InvalidArgument."""
    try:
        return parse(document)
    except InvalidSettings as error:
        raise InvalidArgument(f"Invalid argument: {error}.") from error


def is_shown(request: Request, services: Services, item: Pool | Provider) -> bool:
    """Whether a listing shows the item."""
    if item.deleted_at is None:
        return True
    return request.query_params.get("showDeleted") == "true" and not is_gone(item, services)


def is_gone(item: Pool | Provider, services: Services) -> bool:
    """Whether the item's deletion can no more be taken back."""
    return item.deleted_at is not None and services.clock.now() >= item.deleted_at + KEPT_S


def demand_living(item: T) -> T:
    """The pool or the provider, unless it is deleted. Raises FailedPrecondition."""
    if item.deleted_at is not None:
        raise FailedPrecondition(f"{item.name} is deleted: undelete it first.")
    return item


def demand_deleted(item: T) -> T:
    """The pool or the provider, if it is deleted. Raises FailedPrecondition."""
    if item.deleted_at is None:
        raise FailedPrecondition(f"{item.name} is not deleted.")
    return item


def format_state(item: Pool | Provider) -> dict[str, Any]:
    """The item's name, whether it is deleted, and what was said of it."""
    document = {"name": item.name, **item.settings, "state": "ACTIVE"}
    if item.deleted_at is None:
        return document
    return {**document, "state": "DELETED", "expireTime": format_instant(item.deleted_at + KEPT_S)}


async def _change(
    request: Request, services: Services, verb: str, change: Callable[[Pool], Pool]
) -> JSONResponse:
    caller = find_caller(request, services)

    def work(connection: Connection) -> dict[str, Any]:
        pool = find_pool(connection, request, caller, services, f"iam.workloadIdentityPools.{verb}")
        changed = workload_identity.save(connection, change(pool))
        return _finish(connection, services, caller, changed)

    return JSONResponse(await services.database.write(work))


def _finish(connection: Connection, services: Services, caller: Principal, pool: Pool) -> dict[str, Any]:
    name = f"{pool.name}/operations/{new_id()}"
    return finish(connection, services, caller, name, {"@type": _TYPE, **format_state(pool)})
