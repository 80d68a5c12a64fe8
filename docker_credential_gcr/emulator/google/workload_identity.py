"""iam.googleapis.com: workload identity pools, and the providers of a pool.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.federation import POOL_ID_RULE, is_pool_id
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.providers import InvalidSettings, parse_provider, parse_texts
from docker_credential_gcr.emulator.records import workload_identity
from docker_credential_gcr.emulator.records.projects import Project
from docker_credential_gcr.emulator.records.workload_identity import KEPT_S, Pool, Provider

from .access import find_caller, get_project
from .bodies import read_json
from .errors import FailedPrecondition, InvalidArgument, NotFound
from .field_masks import merge
from .messages import Message
from .operations import finish, new_id
from .paging import parse_page
from .request_messages import POOL, PROVIDER
from .services import Services
from .times import format_instant

Parent = TypeVar("Parent", Project, Pool)
Item = TypeVar("Item", Pool, Provider)


@dataclass(frozen=True)
class Collection(Generic[Parent, Item]):
    """The methods of the pools of a project, or of the providers of a pool.

    `find_parent` returns the project or the pool of the request if the caller has the permission.
    """

    type: str
    message: Message
    parse: Callable[[Any], dict[str, Any]]
    find_parent: Callable[[Connection, Request, Principal, Services, str], Parent]
    add: Callable[..., Item]
    find: Callable[[Connection, Parent, Request], Item | None]
    list_in: Callable[..., Iterator[Item]]

    @property
    def name(self) -> str:
        """The collection's name in permissions and listings: workloadIdentityPools"""
        return f"{self.type[0].lower()}{self.type[1:]}s"

    async def create(self, request: Request, services: Services) -> JSONResponse:
        """Creates an item with the ID in ?workloadIdentityPoolId or ?workloadIdentityPoolProviderId."""
        caller = find_caller(request, services)
        body = await read_json(request)
        parameter = f"{self.name[:-1]}Id"
        item_id = request.query_params.get(parameter, "")
        if not is_pool_id(item_id):
            raise InvalidArgument(f"Invalid {parameter}: it must be {POOL_ID_RULE}.")
        settings = self._parse(body)

        def work(connection: Connection) -> dict[str, Any]:
            parent = self.find_parent(connection, request, caller, services, self._permit("create"))
            item = self.add(connection, parent, item_id, settings, now=services.clock.now())
            return self._finish(connection, services, caller, item)

        return JSONResponse(await services.database.write(work))

    async def list(self, request: Request, services: Services) -> JSONResponse:
        """Returns the items by ID; with ?showDeleted those too whose deletion can be undone."""
        caller = find_caller(request, services)
        page = parse_page(request, default=50)
        shows_deleted = request.query_params.get("showDeleted") == "true"

        def is_shown(item: Item) -> bool:
            return item.deleted_at is None or (shows_deleted and not _is_gone(item, services))

        with services.database.reading() as connection:
            parent = self.find_parent(connection, request, caller, services, self._permit("list"))
            shown = filter(is_shown, self.list_in(connection, parent, last=page.last))
            return JSONResponse(page.format(self.name, shown, _format, _get_id))

    async def show(self, request: Request, services: Services) -> JSONResponse:
        """Returns one item."""
        caller = find_caller(request, services)
        with services.database.reading() as connection:
            return JSONResponse(_format(self.get(connection, request, caller, services, self._permit("get"))))

    async def patch(self, request: Request, services: Services) -> JSONResponse:
        """Changes the fields of the item that ?updateMask names."""
        body = await read_json(request)

        def change(item: Item) -> Item:
            settings = self._parse(merge(request, item.settings, body, self.message))
            return replace(_demand_living(item), settings=settings)

        return await self._change(request, services, "update", change)

    async def delete(self, request: Request, services: Services) -> JSONResponse:
        """Deletes the item: its identities and tokens are refused. For thirty days that can be undone."""

        def change(item: Item) -> Item:
            return replace(_demand_living(item), deleted_at=int(services.clock.now()))

        return await self._change(request, services, "delete", change)

    async def undelete(self, request: Request, services: Services) -> JSONResponse:
        """Undoes the deletion."""
        await read_json(request)

        def change(item: Item) -> Item:
            if item.deleted_at is None:
                raise FailedPrecondition(f"{item.name} is not deleted.")
            return replace(item, deleted_at=None)

        return await self._change(request, services, "undelete", change)

    def get(
        self, connection: Connection, request: Request, caller: Principal, services: Services, permission: str
    ) -> Item:
        """Returns the item of the path, if the caller has the permission on its project; see get_project."""
        parent = self.find_parent(connection, request, caller, services, permission)
        item = self.find(connection, parent, request)
        if item is None or _is_gone(item, services):
            raise NotFound("Requested entity was not found.")
        return item

    def _permit(self, verb: str) -> str:
        return f"iam.{self.name}.{verb}"

    def _parse(self, document: object) -> dict[str, Any]:
        try:
            return self.parse(document)
        except InvalidSettings as error:
            raise InvalidArgument(f"Invalid argument: {error}.") from error

    async def _change(
        self, request: Request, services: Services, verb: str, change: Callable[[Item], Item]
    ) -> JSONResponse:
        caller = find_caller(request, services)

        def work(connection: Connection) -> dict[str, Any]:
            item = change(self.get(connection, request, caller, services, self._permit(verb)))
            workload_identity.save(connection, item)
            return self._finish(connection, services, caller, item)

        return JSONResponse(await services.database.write(work))

    def _finish(
        self, connection: Connection, services: Services, caller: Principal, item: Item
    ) -> dict[str, Any]:
        response = {"@type": f"type.googleapis.com/google.iam.v1.{self.type}", **_format(item)}
        return finish(connection, services, caller, f"{item.name}/operations/{new_id()}", response)


def _get_id(item: Pool | Provider) -> str:
    return item.name.rpartition("/")[2]


def _is_gone(item: Pool | Provider, services: Services) -> bool:
    """Returns whether the item's deletion can no longer be undone."""
    return item.deleted_at is not None and services.clock.now() >= item.deleted_at + KEPT_S


def _demand_living(item: Item) -> Item:
    if item.deleted_at is not None:
        raise FailedPrecondition(f"{item.name} is deleted: undelete it first.")
    return item


def _format(item: Pool | Provider) -> dict[str, Any]:
    document = {"name": item.name, **item.settings, "state": "ACTIVE"}
    if item.deleted_at is None:
        return document
    return {**document, "state": "DELETED", "expireTime": format_instant(item.deleted_at + KEPT_S)}


def _find_project(
    connection: Connection, request: Request, caller: Principal, _services: Services, permission: str
) -> Project:
    return get_project(connection, request.path_params["project"], caller, permission)


def _find_pool(connection: Connection, project: Project, request: Request) -> Pool | None:
    return workload_identity.find(connection, project.number, request.path_params["pool"])


def _find_provider(connection: Connection, pool: Pool, request: Request) -> Provider | None:
    return workload_identity.find_provider(connection, pool, request.path_params["provider"])


def _add_provider(
    connection: Connection, pool: Pool, provider_id: str, settings: dict[str, Any], *, now: float
) -> Provider:
    return workload_identity.create_provider(connection, _demand_living(pool), provider_id, settings, now=now)


POOLS = Collection[Project, Pool](
    "WorkloadIdentityPool",
    POOL,
    parse_texts,
    _find_project,
    workload_identity.create,
    _find_pool,
    workload_identity.list_in,
)
PROVIDERS = Collection[Pool, Provider](
    "WorkloadIdentityPoolProvider",
    PROVIDER,
    parse_provider,
    POOLS.get,
    _add_provider,
    _find_provider,
    workload_identity.list_providers,
)
