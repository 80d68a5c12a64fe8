"""Repositories: in a bucket that the first push creates, or in a repository of Artifact Registry."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import buckets, repositories, tags
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.database.projects import (
    artifact_repositories,
    enabled_apis,
    policies,
    projects,
)
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.resource import describe_project
from docker_credential_gcr.emulator.registry.dialects.dialect import find_dialect
from docker_credential_gcr.emulator.registry.dialects.permissions import CREATE_ON_PUSH
from docker_credential_gcr.emulator.sites.hosts import Target

from .dependencies import RegistryServices
from .errors import (
    NameUnknown,
    ProjectUnknown,
    RepositoryReadOnly,
    RepositoryUnknown,
    ServiceDisabled,
    TagImmutable,
)
from .virtual_repositories import list_members


def ensure_repository(services: RegistryServices, connection: Connection, target: Target) -> Repository:
    """Returns the repository; creates it, and what holds it, on first push. Raises NameUnknown."""
    repository = repositories.find(connection, target.bucket, target.path)
    if repository is None:
        _create_holder(services, connection, target)
        repository = repositories.create(connection, target.bucket, target.path)
    if repository is None:
        raise _describe_missing(target)
    return repository


def create_for_push(
    services: RegistryServices, connection: Connection, target: Target, principal: Principal
) -> None:
    """Creates what holds the target if it is missing, when a client gets a token for a push.

    That is a bucket, or the repository of a redirected host; with --create-on-push also any other repository
    of Artifact Registry, for a principal with the permission.
    """
    if services.creates_repositories and target.repository_id is not None and not target.is_redirected:
        in_force = [policies.find(connection, f"projects/{target.project_id}")]
        if decide(principal, in_force, CREATE_ON_PUSH, describe_project(target.project_id)).allowed:
            _create_artifact_repository(services, connection, target)
    else:
        _create_holder(services, connection, target)


def _create_holder(services: RegistryServices, connection: Connection, target: Target) -> None:
    """Creates the bucket, or the repository of a redirected host, in a project that exists."""
    project_id, location, now = target.project_id, target.site.location, services.clock.now()
    if target.repository_id is None:
        buckets.create(connection, target.bucket, project_id=project_id, location=location, now=now)
    elif target.is_redirected:
        _create_artifact_repository(services, connection, target)


def _create_artifact_repository(services: RegistryServices, connection: Connection, target: Target) -> None:
    location, repository_id, now = target.site.location, target.repository_id or "", services.clock.now()
    artifact_repositories.ensure(connection, target.project_id, location, repository_id, now=now)


def _describe_missing(target: Target) -> NameUnknown:
    """Returns the error for a missing project, or a missing repository of Artifact Registry."""
    if target.repository_id is not None:
        return RepositoryUnknown(target.project_id, target.site.location, target.repository_id)
    return ProjectUnknown(target.project_id)


def find_repository(connection: Connection, target: Target) -> Repository | None:
    """Returns the target's repository, or None before the first push to it.

    Raises NameUnknown for a missing project, or a missing repository of Artifact Registry.
    """
    repository = repositories.find(connection, target.bucket, target.path)
    if repository is None and not has_owner(connection, target):
        raise _describe_missing(target)
    return repository


def find_sources(connection: Connection, target: Target) -> list[Target]:
    """Returns where the target's images are: at the target, or in a virtual one's upstream repositories.

    Raises NameUnknown as `find_repository` does.
    """
    if target.repository_id is None:
        if projects.find(connection, target.project_id) is None:
            raise _describe_missing(target)
        return [target]
    found = _find_artifact_repository(connection, target)
    if found is None:
        raise _describe_missing(target)
    return list_members(connection, target, found) if found.is_virtual else [target]


def find_repositories(connection: Connection, target: Target) -> list[Repository]:
    """Returns the repositories that can have the target's image, the first of them first.

    Raises NameUnknown as `find_repository` does.
    """
    repository = repositories.find(connection, target.bucket, target.path)
    if repository is not None:
        return [repository]
    found = (
        repositories.find(connection, source.bucket, source.path)
        for source in find_sources(connection, target)
        if source is not target
    )
    return [each for each in found if each is not None]


def check_is_writable(connection: Connection, target: Target) -> None:
    """Raises RepositoryReadOnly for a virtual repository."""
    if target.repository_id is not None:
        found = _find_artifact_repository(connection, target)
        if found is not None and found.is_virtual:
            raise RepositoryReadOnly(target.repository_id)


def has_owner(connection: Connection, target: Target) -> bool:
    """Returns whether the project, or the repository of Artifact Registry, exists."""
    if target.repository_id is None:
        return projects.find(connection, target.project_id) is not None
    return _find_artifact_repository(connection, target) is not None


def _find_artifact_repository(connection: Connection, target: Target) -> ArtifactRepository | None:
    location, repository_id = target.site.location, target.repository_id or ""
    return artifact_repositories.find(connection, target.project_id, location, repository_id)


def check_service(connection: Connection, target: Target) -> None:
    """Raises ServiceDisabled if the registry is disabled in the project, NameUnknown if that is deleted."""
    obstacle = find_obstacle(connection, target)
    if obstacle is Obstacle.DISABLED:
        raise ServiceDisabled(target.project_id, find_dialect(target).service)
    _check_project(obstacle, target)


def check_project(connection: Connection, target: Target) -> None:
    """Raises NameUnknown if the project is deleted; its registry may be disabled."""
    _check_project(find_obstacle(connection, target), target)


def _check_project(obstacle: Obstacle | None, target: Target) -> None:
    if obstacle is Obstacle.DELETED:
        raise ProjectUnknown(target.project_id, is_deleted=True)


def find_obstacle(connection: Connection, target: Target) -> Obstacle | None:
    """Returns why the target's project serves no images, or None."""
    return enabled_apis.find_obstacle(connection, target.project_id, find_dialect(target).service)


def put_tag(
    connection: Connection, target: Target, repository: Repository, tag: str, manifest_id: int
) -> None:
    """Creates the tag, or moves it to the manifest. Raises TagImmutable if an immutable one would move."""
    if not _has_immutable_tags(connection, target):
        tags.put(connection, repository, tag, manifest_id)
        return
    # Created before it is read, because a push of the same tag may run at the same time.
    is_new = tags.create(connection, repository, tag, manifest_id)
    if not is_new and tags.find(connection, repository, tag) != manifest_id:
        raise TagImmutable(tag, "update")


def check_tag_is_mutable(connection: Connection, target: Target, repository: Repository, tag: str) -> None:
    """Raises TagImmutable for an immutable tag, which cannot be deleted."""
    if _has_immutable_tags(connection, target) and tags.find(connection, repository, tag) is not None:
        raise TagImmutable(tag, "delete")


def _has_immutable_tags(connection: Connection, target: Target) -> bool:
    if target.repository_id is None:
        return False
    found = _find_artifact_repository(connection, target)
    return found is not None and found.immutable_tags
