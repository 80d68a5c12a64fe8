"""Workload identity pools, and the providers of a pool (iam.googleapis.com).

https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import workload_identity
from docker_credential_gcr.emulator.database.accounts.workload_identity import RETENTION_S, Pool, Provider
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.authorization import get_project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition, InvalidArgument, NotFound
from docker_credential_gcr.emulator.google.rest.field_masks import merge_fields
from docker_credential_gcr.emulator.google.rest.long_running import create_operation_id, finish_operation
from docker_credential_gcr.emulator.google.rest.message_schema import Message
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, writes
from docker_credential_gcr.emulator.google.rest.pagination import parse_page
from docker_credential_gcr.emulator.google.rest.request_messages import POOL, PROVIDER
from docker_credential_gcr.emulator.identity.federation.principals import POOL_ID_RULE, is_pool_id
from docker_credential_gcr.emulator.identity.federation.providers import (
    InvalidSettings,
    parse_provider,
    parse_texts,
)
from docker_credential_gcr.emulator.runtime.timestamps import format_instant

Parent = TypeVar("Parent", Project, Pool)
Item = TypeVar("Item", Pool, Provider)


@dataclass(eq=False)
class CollectionMethods(Generic[Parent, Item]):
    """Methods of the pools of a project, or of the providers of a pool.

    `get_parent` returns the project or the pool in the path; it raises unless the caller has the permission.
    """

    type: str
    message: Message
    parse: Callable[[Any], dict[str, Any]]
    get_parent: Callable[[Connection, Call, str], Parent]
    add: Callable[..., Item]
    find: Callable[[Connection, Parent, Call], Item | None]
    list_in: Callable[..., Iterator[Item]]

    def __post_init__(self) -> None:
        """Creates the endpoints."""
        self.create = method(f"{self.name[:-1]}Id", body=self.message)(self._create)
        self.list = reads("showDeleted", *PAGE)(self._list)
        self.show = reads()(self._show)
        self.patch = writes("updateMask", body=self.message)(self._patch)
        self.delete = writes()(self._delete)
        self.undelete = writes()(self._undelete)

    @property
    def name(self) -> str:
        """Returns the collection's name in permissions and lists: workloadIdentityPools"""
        return f"{self.type[0].lower()}{self.type[1:]}s"

    async def _create(self, call: Call) -> Result:
        """Creates an item with the ID in ?workloadIdentityPoolId= or ?workloadIdentityPoolProviderId=."""
        parameter = f"{self.name[:-1]}Id"
        item_id = call.query.get(parameter, "")
        if not is_pool_id(item_id):
            raise InvalidArgument(f"Invalid {parameter}: it must be {POOL_ID_RULE}.")
        settings = self._parse(call.body)

        def work(connection: Connection) -> dict[str, Any]:
            parent = self.get_parent(connection, call, self._permit("create"))
            return self._finish(
                connection, call, self.add(connection, parent, item_id, settings, now=call.now)
            )

        return await call.services.database.write(work)

    def _list(self, connection: Connection, call: Call) -> Result:
        """Returns the items in the order of their IDs; ?showDeleted=true adds those that can be undeleted."""
        page = parse_page(call.query, default=50)
        shows_deleted = call.query.get("showDeleted") == "true"

        def is_shown(item: Item) -> bool:
            return item.deleted_at is None or (shows_deleted and not _is_gone(item, call))

        parent = self.get_parent(connection, call, self._permit("list"))
        shown = filter(is_shown, self.list_in(connection, parent, last=page.last))
        return page.format(self.name, shown, _format, _get_id)

    def _show(self, connection: Connection, call: Call) -> Result:
        """Returns one item."""
        return _format(self.get(connection, call, self._permit("get")))

    def _patch(self, connection: Connection, call: Call) -> Result:
        """Changes the fields of the item that ?updateMask= names."""

        def change(item: Item) -> Item:
            settings = self._parse(merge_fields(call, item.settings, self.message))
            return replace(_check_not_deleted(item), settings=settings)

        return self._change(connection, call, "update", change)

    def _delete(self, connection: Connection, call: Call) -> Result:
        """Deletes the item: its identities and tokens are refused. Can be undone for 30 days."""

        def change(item: Item) -> Item:
            return replace(_check_not_deleted(item), deleted_at=int(call.now))

        return self._change(connection, call, "delete", change)

    def _undelete(self, connection: Connection, call: Call) -> Result:
        """Undeletes the item."""

        def change(item: Item) -> Item:
            if item.deleted_at is None:
                raise FailedPrecondition(f"{item.name} is not deleted.")
            return replace(item, deleted_at=None)

        return self._change(connection, call, "undelete", change)

    def get(self, connection: Connection, call: Call, permission: str) -> Item:
        """Returns the item in the path, if the caller has the permission on its project.

        Raises NotFound, and the errors of `get_project`.
        """
        item = self.find(connection, self.get_parent(connection, call, permission), call)
        if item is None or _is_gone(item, call):
            raise NotFound("Requested entity was not found.")
        return item

    def _permit(self, verb: str) -> str:
        return f"iam.{self.name}.{verb}"

    def _parse(self, document: object) -> dict[str, Any]:
        try:
            return self.parse(document)
        except InvalidSettings as error:
            raise InvalidArgument(f"Invalid argument: {error}.") from error

    def _change(
        self, connection: Connection, call: Call, verb: str, change: Callable[[Item], Item]
    ) -> dict[str, Any]:
        item = change(self.get(connection, call, self._permit(verb)))
        workload_identity.save(connection, item)
        return self._finish(connection, call, item)

    def _finish(self, connection: Connection, call: Call, item: Item) -> dict[str, Any]:
        response = {"@type": f"type.googleapis.com/google.iam.v1.{self.type}", **_format(item)}
        return finish_operation(connection, call, f"{item.name}/operations/{create_operation_id()}", response)


def _get_id(item: Pool | Provider) -> str:
    return item.name.rpartition("/")[2]


def _is_gone(item: Pool | Provider, call: Call) -> bool:
    """Returns whether the item's deletion can no longer be undone."""
    return item.deleted_at is not None and call.now >= item.deleted_at + RETENTION_S


def _check_not_deleted(item: Item) -> Item:
    if item.deleted_at is not None:
        raise FailedPrecondition(f"{item.name} is deleted: undelete it first.")
    return item


def _format(item: Pool | Provider) -> dict[str, Any]:
    document = {"name": item.name, **item.settings, "state": "ACTIVE"}
    if item.deleted_at is None:
        return document
    return {**document, "state": "DELETED", "expireTime": format_instant(item.deleted_at + RETENTION_S)}


def _find_pool(connection: Connection, project: Project, call: Call) -> Pool | None:
    return workload_identity.find(connection, project.number, call.path["pool"])


def _find_provider(connection: Connection, pool: Pool, call: Call) -> Provider | None:
    return workload_identity.find_provider(connection, pool, call.path["provider"])


def _add_provider(
    connection: Connection, pool: Pool, provider_id: str, settings: dict[str, Any], *, now: float
) -> Provider:
    return workload_identity.create_provider(
        connection, _check_not_deleted(pool), provider_id, settings, now=now
    )


POOLS = CollectionMethods[Project, Pool](
    "WorkloadIdentityPool",
    POOL,
    parse_texts,
    get_project,
    workload_identity.create,
    _find_pool,
    workload_identity.list_in,
)
PROVIDERS = CollectionMethods[Pool, Provider](
    "WorkloadIdentityPoolProvider",
    PROVIDER,
    parse_provider,
    POOLS.get,
    _add_provider,
    _find_provider,
    workload_identity.list_providers,
)
