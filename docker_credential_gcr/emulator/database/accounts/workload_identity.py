"""The workload identity pools of the projects, and the providers of the pools.

What is deleted is kept for thirty days, in which it can be taken back and its name is not free; nothing
counts meanwhile. https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers
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
from docker_credential_gcr.emulator.database.schema.federation import spent_tokens
from docker_credential_gcr.emulator.database.schema.federation import workload_identity_pools as pools
from docker_credential_gcr.emulator.database.schema.federation import workload_identity_providers as providers
from docker_credential_gcr.emulator.identity.federation.principals import format_pool
from docker_credential_gcr.emulator.runtime.strict_json import decode_stored

RETENTION_S = 30 * 24 * 3600


@dataclass(frozen=True)
class Pool:
    """`project_number` and `pool_id` name it; `deleted_at` is when its deletion was asked for."""

    id: int
    project_number: str
    pool_id: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    deleted_at: int | None = None
    in_deleted_project: bool = False

    @property
    def is_active(self) -> bool:
        """Whether identities of the pool count."""
        return _is_on(self) and not self.in_deleted_project

    @property
    def name(self) -> str:
        """projects/NUMBER/locations/global/workloadIdentityPools/POOL"""
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
        """Whether the provider's tokens are taken, if identities of its pool count."""
        return _is_on(self)

    @property
    def name(self) -> str:
        """projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"""
        return f"{self.pool}/providers/{self.provider_id}"


_SELECT = select(
    pools.c.id,
    projects.c.number,
    pools.c.pool_id,
    pools.c.settings,
    pools.c.deleted_at,
    projects.c.deleted_at.is_not(None),
).join(projects, projects.c.id == pools.c.project)
_FIND = Statement(
    _SELECT.where(pools.c.pool_id == bindparam("pool_id"), projects.c.number == bindparam("number"))
)
_LIST = _SELECT.where(projects.c.number == bindparam("number"), pools.c.pool_id > bindparam("last")).order_by(
    pools.c.pool_id
)
_INSERT = insert(pools)
_SELECT_PROVIDER = select(
    providers.c.id, providers.c.provider_id, providers.c.settings, providers.c.deleted_at
).where(providers.c.pool == bindparam("wanted"))
_FIND_PROVIDER = _SELECT_PROVIDER.where(providers.c.provider_id == bindparam("provider_id"))
_LIST_PROVIDERS = _SELECT_PROVIDER.where(providers.c.provider_id > bindparam("last")).order_by(
    providers.c.provider_id
)
_INSERT_PROVIDER = insert(providers)
_SPEND = insert(spent_tokens)
_DELETE_SPENT = delete(spent_tokens).where(spent_tokens.c.expires_at <= bindparam("now"))
_TABLES = {Pool: pools, Provider: providers}
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
    """Add a pool to the project. Raises AlreadyExists, also for one that can be taken back."""
    _purge(connection, now)
    values = {"project": project.id, "pool_id": pool_id, "settings": json.dumps(settings)}
    row_id = insert_new(connection, _INSERT, values, pool_id)
    return Pool(row_id, project.number, pool_id, settings)


def find(connection: Connection, project_number: str, pool_id: str) -> Pool | None:
    """The pool of that name, whether it counts or not."""
    row = _FIND.one(connection, {"number": project_number, "pool_id": pool_id})
    return None if row is None else _read(row)


def is_active(connection: Connection, name: str) -> bool:
    """Whether the pool of that name is there and its identities count."""
    parts = name.split("/")
    pool = find(connection, parts[1], parts[-1])
    return pool is not None and pool.is_active


def list_in(connection: Connection, project: Project, *, last: str) -> Iterator[Pool]:
    """Gives the project's pools after the ID `last`, by ID, each read when asked for, also deleted ones."""
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
    """Add a provider to the pool. Raises AlreadyExists, also for one that can be taken back."""
    _purge(connection, now)
    values = {"pool": pool.id, "provider_id": provider_id, "settings": json.dumps(settings)}
    row_id = insert_new(connection, _INSERT_PROVIDER, values, provider_id)
    return Provider(row_id, pool.name, provider_id, settings)


def find_provider(connection: Connection, pool: Pool, provider_id: str) -> Provider | None:
    """The pool's provider of that name, whether it counts or not."""
    values = {"wanted": pool.id, "provider_id": provider_id}
    row = connection.execute(_FIND_PROVIDER, values).one_or_none()
    return None if row is None else _read_provider(pool, row)


def list_providers(connection: Connection, pool: Pool, *, last: str) -> Iterator[Provider]:
    """Gives the pool's providers after the ID `last`, by ID, each read when asked for, also deleted ones."""
    with connection.execute(_LIST_PROVIDERS, {"wanted": pool.id, "last": last}) as rows:
        yield from (_read_provider(pool, row) for row in rows)


def _is_on(item: Pool | Provider) -> bool:
    return item.deleted_at is None and not item.settings.get("disabled", False)


def _purge(connection: Connection, now: float) -> None:
    """Forget what can no more be taken back."""
    for purge in _PURGES:
        connection.execute(purge, {"before": int(now) - RETENTION_S})


def _read(row: Sequence[Any]) -> Pool:
    row_id, number, pool_id, settings, deleted_at, in_deleted_project = row
    return Pool(row_id, number, pool_id, decode_stored(settings), deleted_at, bool(in_deleted_project))


def _read_provider(pool: Pool, row: Sequence[Any]) -> Provider:
    row_id, provider_id, settings, deleted_at = row
    return Provider(row_id, pool.name, provider_id, decode_stored(settings), deleted_at)


def spend(connection: Connection, provider: str, token_id: str, *, expires_at: int, now: float) -> None:
    """Keeps a subject token from being exchanged again, until it expires. Raises AlreadyExists.

    The token has that ID, and counts at that provider.
    """
    connection.execute(_DELETE_SPENT, {"now": int(now)})
    # The name of a provider holds no NUL: the first one ends it.
    digest = hashlib.sha256(f"{provider}\0{token_id}".encode()).hexdigest()
    insert_new(connection, _SPEND, {"digest": digest, "expires_at": expires_at}, token_id)
