"""Repositories of Artifact Registry: holders of images, created through its API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.engine.ordered_pages import Slice, build_pages, read_page
from docker_credential_gcr.emulator.database.engine.statement import insert_new
from docker_credential_gcr.emulator.database.images import buckets as images
from docker_credential_gcr.emulator.database.images.buckets import Bucket
from docker_credential_gcr.emulator.database.schema import (
    artifact_repositories,
    blobs,
    buckets,
    policies,
    projects,
)
from docker_credential_gcr.emulator.identity.resource import format_repository, format_repository_bucket

from .projects import Project

# Settings that are only stored and shown.
SETTINGS = (
    *("kmsKeyName", "cleanupPolicies", "cleanupPolicyDryRun", "vulnerabilityScanningConfig"),
    *("platformLogsConfig", "disallowUnspecifiedMode"),
)
STANDARD, VIRTUAL = "STANDARD_REPOSITORY", "VIRTUAL_REPOSITORY"
# What the mode needs is kept with the settings.
_MODE, _VIRTUAL_CONFIG = "mode", "virtualRepositoryConfig"
OF_MODE = (_MODE, _VIRTUAL_CONFIG)
_SELECT = (
    select(
        *buckets.c["id", "name"],
        projects.c.project_id,
        buckets.c.location,
        *artifact_repositories.c["repository_id", "description", "labels", "immutable_tags"],
        *artifact_repositories.c["settings", "created_at", "updated_at"],
    )
    .join(buckets, buckets.c.id == artifact_repositories.c.bucket)
    .join(projects, projects.c.id == buckets.c.project)
)
_FIND = _SELECT.where(buckets.c.name == bindparam("wanted"))
_PAGES = build_pages(
    _SELECT.where(
        buckets.c.project == bindparam("of_project"), buckets.c.location == bindparam("location_wanted")
    ),
    [artifact_repositories.c.repository_id],
    {name: artifact_repositories.c[name] for name in ("created_at", "updated_at")},
)
_AT = _SELECT.where(buckets.c.location == bindparam("wanted")).order_by(buckets.c.name)
_ENSURED = ("repository_id", "description", "labels", "immutable_tags", "created_at", "updated_at")
_INSERT_BUCKET = insert(buckets)
_INSERT = insert(artifact_repositories)
_ENSURE = (
    insert(artifact_repositories)
    .from_select(
        ["bucket", *_ENSURED],
        select(
            buckets.c.id,
            *(bindparam(name, type_=artifact_repositories.c[name].type) for name in _ENSURED),
        ).where(buckets.c.name == bindparam("wanted")),
    )
    .on_conflict_do_nothing()
)
_UPDATE = (
    update(artifact_repositories)
    .where(artifact_repositories.c.bucket == bindparam("wanted"))
    .values(
        description=bindparam("new_description"),
        labels=bindparam("new_labels"),
        immutable_tags=bindparam("new_immutable_tags"),
        settings=bindparam("new_settings"),
        updated_at=bindparam("now"),
    )
)
_DELETE_BUCKET = delete(buckets).where(buckets.c.id == bindparam("wanted"))
_DELETE_POLICY = delete(policies).where(policies.c.resource == bindparam("wanted"))
_SIZE = select(func.coalesce(func.sum(blobs.c.size), 0)).where(blobs.c.bucket == bindparam("of_bucket"))


@dataclass(frozen=True)
class ArtifactRepository:
    """A repository; `bucket` holds its images. If `immutable_tags`, no tag moves to another manifest.

    `settings` are those of SETTINGS and OF_MODE that a client has set.
    """

    bucket: Bucket
    project_id: str
    location: str
    repository_id: str
    description: str
    labels: Mapping[str, str]
    immutable_tags: bool
    settings: Mapping[str, Any]
    created_at: int
    updated_at: int

    @property
    def name(self) -> str:
        """Returns projects/my-project/locations/us/repositories/images."""
        return format_repository(self.project_id, self.location, self.repository_id)

    @property
    def is_virtual(self) -> bool:
        """Returns whether its images are those of other repositories."""
        return bool(self.settings.get(_MODE, STANDARD) == VIRTUAL)

    @property
    def upstreams(self) -> list[str]:
        """Returns the names of a virtual repository's upstreams, the greatest priority first."""
        policies = self.settings.get(_VIRTUAL_CONFIG, {}).get("upstreamPolicies", [])
        in_order = sorted(policies, key=lambda policy: -int(policy.get("priority", 0)))
        return [policy["repository"] for policy in in_order]


def find(
    connection: Connection, project_id: str, location: str, repository_id: str
) -> ArtifactRepository | None:
    """Returns the repository of that ID."""
    bucket = format_repository_bucket(project_id, location, repository_id)
    row = connection.execute(_FIND, {"wanted": bucket}).one_or_none()
    return None if row is None else _read(row)


def find_named(connection: Connection, name: str) -> ArtifactRepository | None:
    """Returns the repository projects/P/locations/L/repositories/R, where P is the project's ID."""
    _, project_id, _, location, _, repository_id = name.split("/")
    return find(connection, project_id, location, repository_id)


def list_page(
    connection: Connection, project: Project, location: str, page: Slice
) -> list[ArtifactRepository]:
    """Returns a page of the project's repositories at the location; the key is the ID."""
    values = {"of_project": project.id, "location_wanted": location}
    return [_read(row) for row in read_page(connection, _PAGES, page, values)]


def list_at(connection: Connection, location: str) -> list[ArtifactRepository]:
    """Returns the repositories of every project at the location."""
    return [_read(row) for row in connection.execute(_AT, {"wanted": location})]


def create(
    connection: Connection,
    project: Project,
    location: str,
    repository_id: str,
    *,
    description: str = "",
    labels: Mapping[str, str] | None = None,
    immutable_tags: bool = False,
    settings: Mapping[str, Any] | None = None,
    now: float,
) -> ArtifactRepository:
    """Creates a repository. Raises AlreadyExists."""
    bucket = {
        "project": project.id,
        "name": format_repository_bucket(project.project_id, location, repository_id),
        "location": location,
        "created_at": int(now),
    }
    bucket_id = insert_new(connection, _INSERT_BUCKET, bucket, repository_id)
    values = {
        "bucket": bucket_id,
        "repository_id": repository_id,
        "description": description,
        "labels": labels or {},
        "immutable_tags": immutable_tags,
        "settings": settings or {},
        "created_at": int(now),
        "updated_at": int(now),
    }
    connection.execute(_INSERT, values)
    return _get(connection, project.project_id, location, repository_id)


def ensure(connection: Connection, project_id: str, location: str, repository_id: str, *, now: float) -> None:
    """Creates the repository unless it exists or the project is missing; others may do so meanwhile."""
    bucket = format_repository_bucket(project_id, location, repository_id)
    images.create(connection, bucket, project_id=project_id, location=location, now=now)
    values = {
        "wanted": bucket,
        "repository_id": repository_id,
        "description": "",
        "labels": {},
        "immutable_tags": False,
        "created_at": int(now),
        "updated_at": int(now),
    }
    connection.execute(_ENSURE, values)


def change(
    connection: Connection,
    repository: ArtifactRepository,
    *,
    description: str,
    labels: Mapping[str, str],
    immutable_tags: bool,
    settings: Mapping[str, Any],
    now: float,
) -> ArtifactRepository:
    """Replaces the given columns; returns the changed repository."""
    values = {
        "wanted": repository.bucket.id,
        "new_description": description,
        "new_labels": labels,
        "new_immutable_tags": immutable_tags,
        "new_settings": settings,
        "now": int(now),
    }
    connection.execute(_UPDATE, values)
    return _get(connection, repository.project_id, repository.location, repository.repository_id)


def remove(connection: Connection, repository: ArtifactRepository) -> None:
    """Deletes the repository, its images and its policy."""
    connection.execute(_DELETE_BUCKET, {"wanted": repository.bucket.id})
    connection.execute(_DELETE_POLICY, {"wanted": repository.name})


def measure(connection: Connection, repository: ArtifactRepository) -> int:
    """Returns the bytes of the repository's blobs."""
    return int(connection.execute(_SIZE, {"of_bucket": repository.bucket.id}).scalar_one())


def _get(connection: Connection, project_id: str, location: str, repository_id: str) -> ArtifactRepository:
    found = find(connection, project_id, location, repository_id)
    assert found is not None  # noqa: S101 - it was written in this transaction
    return found


def _read(row: Iterable[Any]) -> ArtifactRepository:
    bucket_id, bucket_name, *columns = row
    return ArtifactRepository(Bucket(bucket_id, bucket_name), *columns)
