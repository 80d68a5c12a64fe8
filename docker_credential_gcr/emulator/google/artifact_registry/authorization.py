"""Authorization in Artifact Registry's API: resources that the caller may use, and refusals."""

from urllib.parse import unquote

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.images import artifact_images
from docker_credential_gcr.emulator.database.images.artifact_images import Package
from docker_credential_gcr.emulator.database.projects import artifact_repositories, enabled_apis, policies
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google import authorization
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import NotFound, ServiceDisabled
from docker_credential_gcr.emulator.identity.google_services import ARTIFACT_REGISTRY, SERVICES
from docker_credential_gcr.emulator.identity.policy import Policy
from docker_credential_gcr.emulator.identity.resource import describe_repository


def get_project(connection: Connection, call: Call, permission: str) -> Project:
    """Returns the project in the path, if the caller has the permission on it and the API is enabled.

    Raises PermissionDenied, ProjectDeleted, NotFound, ServiceDisabled.
    """
    location = call.path.get("location")
    place = f"projects/{call.path['project']}" + (f"/locations/{location}" if location else "")
    project = authorization.get_project(connection, call, permission, _refuse(permission, place))
    _check_service(connection, project)
    return project


def get_repository(connection: Connection, call: Call, permission: str) -> ArtifactRepository:
    """Returns the repository in the path, if the caller has the permission on it and the API is enabled.

    Raises PermissionDenied, ProjectDeleted, NotFound, ServiceDisabled.
    """
    name, location, repository_id = (call.path[part] for part in ("project", "location", "repository"))
    project = authorization.find_project(connection, name)
    project_id = project.project_id if project else name
    resource = describe_repository(project_id, location, repository_id)
    in_force = find_repository_policies(connection, project_id, resource.name)
    authorization.check_permission(
        connection, call.caller, permission, in_force, resource, _refuse(permission, resource.name)
    )
    repository = artifact_repositories.find(connection, project_id, location, repository_id)
    if project is not None:
        _check_service(connection, project)
    if repository is None:
        raise NotFound("Requested entity was not found.")
    return repository


def get_package(connection: Connection, call: Call, permission: str) -> tuple[ArtifactRepository, Package]:
    """Returns the repository and the package in the path. Raises the errors of `get_repository`."""
    repository = get_repository(connection, call, permission)
    name = format_package_prefix(repository) + parse_package_name(call.path["package"])
    package = artifact_images.find_package(connection, repository.bucket.id, name)
    if package is None:
        raise NotFound("Requested entity was not found.")
    return repository, package


def find_repository_policies(connection: Connection, project_id: str, repository: str) -> list[Policy]:
    """Returns the policies in force for a repository: the project's, and its own."""
    return [authorization.find_project_policy(connection, project_id), policies.find(connection, repository)]


def parse_package_name(name: str) -> str:
    """Returns the image's name. A slash in it is %2F in this API, and Google's libraries quote that again."""
    return unquote(name)


def format_package_prefix(repository: ArtifactRepository) -> str:
    """Returns the prefix of a package's name in the registry: my-project/images/"""
    return f"{repository.project_id.replace(':', '/')}/{repository.repository_id}/"


def _refuse(permission: str, name: str) -> str:
    resource = f"//{ARTIFACT_REGISTRY}/{name}"
    return f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."


def _check_service(connection: Connection, project: Project) -> None:
    if enabled_apis.find_obstacle(connection, project.project_id, ARTIFACT_REGISTRY) is Obstacle.DISABLED:
        raise ServiceDisabled(SERVICES[ARTIFACT_REGISTRY], ARTIFACT_REGISTRY, project.number)
