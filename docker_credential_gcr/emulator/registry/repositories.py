"""Where a target's images lie: a bucket, made by the first push, or a repository of Artifact Registry."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import artifact_images, buckets, repositories
from docker_credential_gcr.emulator.database.images.repositories import Repository
from docker_credential_gcr.emulator.database.projects import artifact_repositories, policies, projects
from docker_credential_gcr.emulator.database.projects import enabled_apis as switches
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.resource import describe_project
from docker_credential_gcr.emulator.registry.dialects.dialect import find_dialect
from docker_credential_gcr.emulator.sites.hosts import Target

from .dependencies import Services
from .errors import NameUnknown, ProjectUnknown, RepositoryUnknown, ServiceDisabled, TagImmutable

# https://cloud.google.com/artifact-registry/docs/repositories/create-repos#create-on-push
_CREATE_ON_PUSH = "artifactregistry.repositories.createOnPush"


def ensure_repository(services: Services, connection: Connection, target: Target) -> Repository:
    """Returns the repository, created on the first push to it, with its bucket. Raises NameUnknown."""
    repository = find_repository(connection, target)
    if repository is None:
        if target.repository_id is None:
            _create_bucket(services, connection, target)
        repository = repositories.create(connection, target.bucket, target.path)
    if repository is None:
        raise _describe_missing(target)
    return repository


def create_for_push(services: Services, connection: Connection, target: Target, principal: Principal) -> None:
    """Creates the target's place unless it is there, at the exchange of a credential for a push token.

    A repository of Artifact Registry is created where the server's settings say so, for a principal that may
    create one by a push.
    """
    if target.repository_id is None:
        _create_bucket(services, connection, target)
        return
    owner = projects.find(connection, target.project_id)
    if not services.creates_repositories or owner is None:
        return
    in_force = [policies.find(connection, f"projects/{target.project_id}")]
    if decide(principal, in_force, _CREATE_ON_PUSH, describe_project(target.project_id)).allowed:
        now, location = services.clock.now(), target.site.location
        artifact_repositories.create(connection, owner, location, target.repository_id, now=now)


def _create_bucket(services: Services, connection: Connection, target: Target) -> None:
    project_id, location, now = target.project_id, target.site.location, services.clock.now()
    buckets.create(connection, target.bucket, project_id=project_id, location=location, now=now)


def _describe_missing(target: Target) -> NameUnknown:
    """Returns the error for a request whose project or repository of Artifact Registry is not there."""
    if target.repository_id is not None:
        return RepositoryUnknown(target.project_id, target.site.location, target.repository_id)
    return ProjectUnknown(target.project_id)


def find_repository(connection: Connection, target: Target) -> Repository | None:
    """Returns the target's repository; None for an image of which nothing was pushed.

    Raises NameUnknown where the project, or the repository of Artifact Registry, is not there itself.
    """
    repository = repositories.find(connection, target.bucket, target.path)
    if repository is None and not _is_there(connection, target):
        raise _describe_missing(target)
    return repository


def _is_there(connection: Connection, target: Target) -> bool:
    if target.repository_id is None:
        return projects.find(connection, target.project_id) is not None
    return _find_artifact_repository(connection, target) is not None


def _find_artifact_repository(connection: Connection, target: Target) -> ArtifactRepository | None:
    location, repository_id = target.site.location, target.repository_id or ""
    return artifact_repositories.find(connection, target.project_id, location, repository_id)


def check_service(connection: Connection, target: Target) -> None:
    """Raises ServiceDisabled, or NameUnknown: the project switched the registry off, or is deleted."""
    obstacle = find_obstacle(connection, target)
    if obstacle is Obstacle.DISABLED:
        raise ServiceDisabled(target.project_id, find_dialect(target).service)
    if obstacle is Obstacle.DELETED:
        raise ProjectUnknown(target.project_id, is_deleted=True)


def find_obstacle(connection: Connection, target: Target) -> Obstacle | None:
    """Returns why the target's project serves none of its images; None where it serves them."""
    return switches.find_obstacle(connection, target.project_id, find_dialect(target).service)


def check_tag(
    connection: Connection, target: Target, repository: Repository, tag: str, digest: str | None
) -> None:
    """Raises TagImmutable where a tag that is there stays where it is; `digest` None deletes it."""
    if target.repository_id is None:
        return
    found = _find_artifact_repository(connection, target)
    if found is None or not found.immutable_tags:
        return
    package = artifact_images.find_package(connection, repository.bucket.id, repository.name)
    named = package and artifact_images.find_tag(connection, package, tag)
    if named is not None and named != digest:
        raise TagImmutable(tag, "delete" if digest is None else "update")
