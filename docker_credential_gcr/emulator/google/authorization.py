"""Authorization in Google's administrative APIs: checks of the caller's permissions by IAM policies."""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import policies, projects
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.policy import EMPTY, Policy
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.resource import Resource, describe_project

from .rest.calls import Call
from .rest.errors import NotFound, PermissionDenied, ProjectDeleted

# The permissions that still count in a deleted project: to see it, and to undelete it.
# https://cloud.google.com/resource-manager/reference/rest/v3/projects/delete
_FOR_DELETED = frozenset(
    f"resourcemanager.projects.{verb}" for verb in ("delete", "get", "getIamPolicy", "list", "undelete")
)


def check_permission(
    connection: Connection,
    caller: Principal,
    permission: str,
    policies_in_force: list[Policy],
    resource: Resource | None = None,
    message: str = "",
) -> None:
    """Raises PermissionDenied, with `message`, unless the policies give the caller the permission.

    Raises ProjectDeleted if the resource's project is deleted.
    """
    decision = decide(caller, policies_in_force, permission, resource)
    if not decision.allowed:
        raise PermissionDenied(decision, message)
    check_project_active(connection, permission, resource)


def check_project_active(connection: Connection, permission: str, resource: Resource | None) -> None:
    """Raises ProjectDeleted if the resource's project is deleted and the permission does not count there."""
    if resource is not None and permission not in _FOR_DELETED and _is_deleted(connection, resource):
        raise ProjectDeleted(resource.project_id)


def list_allowed_permissions(
    connection: Connection,
    caller: Principal,
    permissions: list[str],
    policies_in_force: list[Policy],
    resource: Resource,
) -> list[str]:
    """Returns the permissions that the caller has on the resource, in the order of `permissions`."""
    is_deleted = _is_deleted(connection, resource)
    return [
        permission
        for permission in permissions
        if decide(caller, policies_in_force, permission, resource).allowed
        and (not is_deleted or permission in _FOR_DELETED)
    ]


def _is_deleted(connection: Connection, resource: Resource) -> bool:
    found = projects.find(connection, resource.project_id)
    return found is not None and found.deleted_at is not None


def find_project(connection: Connection, name: str) -> Project | None:
    """Returns the project with that ID or number."""
    return projects.find(connection, name) or projects.find_by_number(connection, name)


def get_project(connection: Connection, call: Call, permission: str, message: str = "") -> Project:
    """Returns the project in the path, by ID or number, if the caller has the permission on it.

    Raises PermissionDenied, for an unknown project too; NotFound, to the operator alone; ProjectDeleted.
    """
    name, caller = call.path["project"], call.caller
    project = find_project(connection, name)
    if project is None:
        check_permission(connection, caller, permission, [], message=message)
        raise NotFound(f"Project not found: {name}")
    in_force = [find_project_policy(connection, project.project_id)]
    check_permission(connection, caller, permission, in_force, describe_project(project.project_id), message)
    return project


def find_project_policy(connection: Connection, project_id: str) -> Policy:
    """Returns the project's policy, an empty one if the project does not exist."""
    return policies.find(connection, f"projects/{project_id}") if project_id else EMPTY
