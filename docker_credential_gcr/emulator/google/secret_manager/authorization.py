"""Authorization in Secret Manager's API: secrets that the caller may use, and refusals.

https://cloud.google.com/secret-manager/docs/access-control
"""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import secrets
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.projects.secrets import Secret, format_secret
from docker_credential_gcr.emulator.google import authorization
from docker_credential_gcr.emulator.google.project_resources import ProjectCollection, check_service
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.identity.google_services import SECRET_MANAGER
from docker_credential_gcr.emulator.identity.resource import describe_secret


def get_project(connection: Connection, call: Call, permission: str) -> Project:
    """Returns the project in the path, if the caller has the permission on it and the API is enabled.

    Raises PermissionDenied, ProjectDeleted, NotFound, ServiceDisabled.
    """
    resource = f"projects/{call.path['project']}"
    project = authorization.get_project(connection, call, permission, _format_refusal(permission, resource))
    check_service(connection, project, SECRET_MANAGER)
    return project


def get_secret(connection: Connection, call: Call, permission: str) -> Secret:
    """Returns the secret in the path, as `ProjectCollection.get` does."""
    return SECRETS.get(connection, call, call.path["project"], call.path["secret"], permission)


def _format_refusal(permission: str, resource: str) -> str:
    return f"Permission '{permission}' denied for resource '{resource}' (or it may not exist)."


def _refuse(permission: str, project: str, secret_id: str) -> str:
    return _format_refusal(permission, format_secret(project, secret_id))


def _miss(project: str, secret_id: str) -> str:
    return f"Secret [{format_secret(project, secret_id)}] not found."


SECRETS = ProjectCollection(SECRET_MANAGER, format_secret, describe_secret, secrets.find, _refuse, _miss)
