"""Storage buckets, as Cloud Storage's API lists them: with settings, without Artifact Registry's rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from docker_credential_gcr.emulator.database.engine.dialect import starts_with
from docker_credential_gcr.emulator.database.engine.statement import insert_new
from docker_credential_gcr.emulator.database.schema import artifact_repositories, blobs, buckets, projects

from .projects import Project

_SELECT: Select[Any] = (
    select(
        *buckets.c["id", "name"],
        *projects.c["project_id", "number"],
        *buckets.c["location", "created_at"],
        func.coalesce(buckets.c.updated_at, buckets.c.created_at),
        *buckets.c["metageneration", "settings"],
    )
    .join(projects, projects.c.id == buckets.c.project)
    .outerjoin(artifact_repositories, artifact_repositories.c.bucket == buckets.c.id)
    .where(artifact_repositories.c.bucket.is_(None))
)
_FIND = _SELECT.where(buckets.c.name == bindparam("wanted"))
_PAGE = (
    _SELECT.where(
        buckets.c.project == bindparam("of_project"),
        buckets.c.name > bindparam("last"),
        starts_with(buckets.c.name, "prefix"),
    )
    .order_by(buckets.c.name)
    .limit(bindparam("count"))
)
_INSERT = insert(buckets)
_UPDATE = (
    update(buckets)
    .where(buckets.c.id == bindparam("wanted"))
    .values(
        settings=bindparam("new_settings"),
        updated_at=bindparam("now"),
        metageneration=buckets.c.metageneration + 1,
    )
)
_DELETE = delete(buckets).where(buckets.c.id == bindparam("wanted"))
_HOLDS = select(blobs.c.id).where(blobs.c.bucket == bindparam("wanted")).limit(1)


@dataclass(frozen=True)
class StorageBucket:
    """A bucket; `settings` are labels, access settings and the like, as a client sent them."""

    id: int
    name: str
    project_id: str
    project_number: str
    location: str
    created_at: int
    updated_at: int
    metageneration: int
    settings: Mapping[str, Any]


def find(connection: Connection, name: str) -> StorageBucket | None:
    """Returns the bucket of that name."""
    row = connection.execute(_FIND, {"wanted": name}).one_or_none()
    return None if row is None else StorageBucket(*row)


def list_page(
    connection: Connection, project: Project, *, prefix: str, last: str, count: int
) -> Iterator[StorageBucket]:
    """Yields at most `count` buckets of the project after the name `last`, by name; reads each when needed.

    The settings of one may have a MiB.
    """
    values = {"of_project": project.id, "prefix": prefix, "last": last, "count": count}
    with connection.execute(_PAGE, values) as rows:
        yield from (StorageBucket(*row) for row in rows)


def create(
    connection: Connection,
    project: Project,
    name: str,
    *,
    location: str,
    settings: Mapping[str, Any],
    now: float,
) -> StorageBucket:
    """Creates a bucket. Raises AlreadyExists: a name is unique in all projects."""
    values = {
        "project": project.id,
        "name": name,
        "location": location,
        "created_at": int(now),
        "settings": settings,
    }
    insert_new(connection, _INSERT, values, name)
    created = find(connection, name)
    assert created is not None  # noqa: S101 - it was written in this transaction
    return created


def change(
    connection: Connection, bucket: StorageBucket, settings: Mapping[str, Any], *, now: float
) -> StorageBucket:
    """Replaces the settings; returns the changed bucket."""
    values = {"wanted": bucket.id, "new_settings": settings, "now": int(now)}
    connection.execute(_UPDATE, values)
    changed = find(connection, bucket.name)
    assert changed is not None  # noqa: S101 - it was written in this transaction
    return changed


def is_empty(connection: Connection, bucket: StorageBucket) -> bool:
    """Returns whether the bucket has no object."""
    return connection.execute(_HOLDS, {"wanted": bucket.id}).first() is None


def remove(connection: Connection, bucket_id: int) -> None:
    """Deletes the bucket and every image in it."""
    connection.execute(_DELETE, {"wanted": bucket_id})
