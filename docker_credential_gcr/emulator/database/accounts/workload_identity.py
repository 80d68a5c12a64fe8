"""Workload identity pools of the projects, and the providers of the pools.

For thirty days a deleted pool or provider can be undeleted, and its name is taken; it is not active then.
https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from docker_credential_gcr.emulator.database.engine.statement import Statement, insert_new
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.schema import projects
from docker_credential_gcr.emulator.database.schema.federation import (
    spent_tokens,
    workload_identity_pools,
    workload_identity_providers,
)
from docker_credential_gcr.emulator.identity.federation.principals import format_pool
from docker_credential_gcr.emulator.runtime.strict_json import decode_stored

RETENTION_S = 30 * 24 * 3600


@dataclass(frozen=True)
class Pool:
    """A pool, named by `project_number` and `pool_id`; `deleted_at` is when its deletion was requested."""

    id: int
    project_number: str
    pool_id: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    deleted_at: int | None = None
    in_deleted_project: bool = False

    @property
    def is_active(self) -> bool:
        """Returns whether identities of the pool are accepted."""
        return _is_on(self) and not self.in_deleted_project

    @property
    def name(self) -> str:
        """Returns projects/NUMBER/locations/global/workloadIdentityPools/POOL."""
        return format_pool(self.project_number, self.pool_id)


@dataclass(frozen=True)
class Provider:
    """A provider of `pool`, which is the pool's name."""

    id: int
    pool: str
    provider_id: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    deleted_at: int | None = None

    @property
    def is_active(self) -> bool:
        """Returns whether the provider's tokens are accepted, provided that its pool is active."""
        return _is_on(self)

    @property
    def name(self) -> str:
        """Returns projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER."""
        return f"{self.pool}/providers/{self.provider_id}"


_POOLS = workload_identity_pools.c
_SELECT = select(
    _POOLS.id,
    projects.c.number,
    _POOLS.pool_id,
    _POOLS.settings,
    _POOLS.deleted_at,
    projects.c.deleted_at.is_not(None),
).join(projects, projects.c.id == _POOLS.project)
_FIND = Statement(
    _SELECT.where(_POOLS.pool_id == bindparam("pool_id"), projects.c.number == bindparam("number"))
)
_LIST = _SELECT.where(projects.c.number == bindparam("number"), _POOLS.pool_id > bindparam("last")).order_by(
    _POOLS.pool_id
)
_INSERT = insert(workload_identity_pools)
_PROVIDERS = workload_identity_providers.c
_SELECT_PROVIDER = select(
    _PROVIDERS.id, _PROVIDERS.provider_id, _PROVIDERS.settings, _PROVIDERS.deleted_at
).where(_PROVIDERS.pool == bindparam("wanted"))
_FIND_PROVIDER = _SELECT_PROVIDER.where(_PROVIDERS.provider_id == bindparam("provider_id"))
_LIST_PROVIDERS = _SELECT_PROVIDER.where(_PROVIDERS.provider_id > bindparam("last")).order_by(
    _PROVIDERS.provider_id
)
_INSERT_PROVIDER = insert(workload_identity_providers)
_SPEND = insert(spent_tokens)
_DELETE_SPENT = delete(spent_tokens).where(spent_tokens.c.expires_at <= bindparam("now"))
_TABLES = {Pool: workload_identity_pools, Provider: workload_identity_providers}
_UPDATES = {
    kind: update(table)
    .where(table.c.id == bindparam("wanted"))
    .values(settings=bindparam("new_settings"), deleted_at=bindparam("instant"))
    for kind, table in _TABLES.items()
}
_PURGES = tuple(delete(table).where(table.c.deleted_at <= bindparam("before")) for table in _TABLES.values())


def create(
    connection: Connection, project: Project, pool_id: str, settings: Mapping[str, Any], *, now: float
) -> Pool:
    """Creates a pool in the project. Raises AlreadyExists, also for one that can be undeleted."""
    _purge(connection, now)
    values = {"project": project.id, "pool_id": pool_id, "settings": json.dumps(settings)}
    row_id = insert_new(connection, _INSERT, values, pool_id)
    return Pool(row_id, project.number, pool_id, settings)


def find(connection: Connection, project_number: str, pool_id: str) -> Pool | None:
    """Returns the pool of that name, active or not."""
    row = _FIND.one(connection, {"number": project_number, "pool_id": pool_id})
    return None if row is None else _read(row)


def is_active(connection: Connection, name: str) -> bool:
    """Returns whether the pool of that name exists and is active."""
    parts = name.split("/")
    pool = find(connection, parts[1], parts[-1])
    return pool is not None and pool.is_active


def list_in(connection: Connection, project: Project, *, last: str) -> Iterator[Pool]:
    """Yields the project's pools after the ID `last`, by ID, deleted ones too; reads each when needed."""
    with connection.execute(_LIST, {"number": project.number, "last": last}) as rows:
        yield from map(_read, rows)


def save(connection: Connection, item: Pool | Provider) -> None:
    """Saves the settings of the pool or the provider, and whether it is deleted."""
    values = {
        "wanted": item.id,
        "new_settings": json.dumps(item.settings),
        "instant": item.deleted_at,
    }
    connection.execute(_UPDATES[type(item)], values)


def create_provider(
    connection: Connection, pool: Pool, provider_id: str, settings: Mapping[str, Any], *, now: float
) -> Provider:
    """Creates a provider in the pool. Raises AlreadyExists, also for one that can be undeleted."""
    _purge(connection, now)
    values = {"pool": pool.id, "provider_id": provider_id, "settings": json.dumps(settings)}
    row_id = insert_new(connection, _INSERT_PROVIDER, values, provider_id)
    return Provider(row_id, pool.name, provider_id, settings)


def find_provider(connection: Connection, pool: Pool, provider_id: str) -> Provider | None:
    """Returns the pool's provider of that name, active or not."""
    values = {"wanted": pool.id, "provider_id": provider_id}
    row = connection.execute(_FIND_PROVIDER, values).one_or_none()
    return None if row is None else _read_provider(pool, row)


def list_providers(connection: Connection, pool: Pool, *, last: str) -> Iterator[Provider]:
    """Yields the pool's providers after the ID `last`, by ID, deleted ones too; reads each when needed."""
    with connection.execute(_LIST_PROVIDERS, {"wanted": pool.id, "last": last}) as rows:
        yield from (_read_provider(pool, row) for row in rows)


def _is_on(item: Pool | Provider) -> bool:
    return item.deleted_at is None and not item.settings.get("disabled", False)


def _purge(connection: Connection, now: float) -> None:
    """Deletes the pools and providers that can no longer be undeleted."""
    for purge in _PURGES:
        connection.execute(purge, {"before": int(now) - RETENTION_S})


def _read(row: Sequence[Any]) -> Pool:
    row_id, number, pool_id, settings, deleted_at, in_deleted_project = row
    return Pool(row_id, number, pool_id, decode_stored(settings), deleted_at, bool(in_deleted_project))


def _read_provider(pool: Pool, row: Sequence[Any]) -> Provider:
    row_id, provider_id, settings, deleted_at = row
    return Provider(row_id, pool.name, provider_id, decode_stored(settings), deleted_at)


def spend(connection: Connection, provider: str, token_id: str, *, expires_at: int, now: float) -> None:
    """Records that a provider's subject token was exchanged. Raises AlreadyExists if it was before.

    The record is deleted when the token has expired.
    """
    connection.execute(_DELETE_SPENT, {"now": int(now)})
    # NUL ends the name of the provider, which holds none.
    digest = hashlib.sha256(f"{provider}\0{token_id}".encode()).hexdigest()
    insert_new(connection, _SPEND, {"digest": digest, "expires_at": expires_at}, token_id)
