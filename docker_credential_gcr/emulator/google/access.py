"""Who calls one of Google's administrative APIs, and whether IAM lets them."""

from sqlalchemy import Connection
from starlette.requests import Request

from docker_credential_gcr.emulator.current_request import note_member
from docker_credential_gcr.emulator.identity.administrators import find_administrator
from docker_credential_gcr.emulator.identity.credentials import authenticate
from docker_credential_gcr.emulator.identity.decision import decide
from docker_credential_gcr.emulator.identity.policy import Policy
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.records import policies, projects
from docker_credential_gcr.emulator.records.projects import Project

from .errors import NotFound, PermissionDenied
from .services import Services

# What google-auth writes into a self-signed JWT for these APIs. https://google.aip.dev/auth/4111
_AUDIENCES = frozenset({"https://cloudresourcemanager.googleapis.com/", "https://iam.googleapis.com/"})


def find_caller(request: Request, services: Services) -> Principal:
    """The principal of the request. Raises NotAnAdministrator."""

    def verify(token: str) -> Principal:
        return authenticate(
            f"Bearer {token}",
            find_key=services.find_key,
            signer=services.signer,
            now=services.clock.now(),
            audiences=_AUDIENCES,
        )

    principal = find_administrator(
        request.headers,
        request.client.host if request.client else "",
        operator_token=services.operator_token,
        strict=services.strict_admin,
        verify=verify,
    )
    note_member(principal.member)
    return principal


def check(caller: Principal, permission: str, policies_in_force: list[Policy]) -> None:
    """Raise PermissionDenied unless the policies give the caller the permission."""
    decision = decide(caller, policies_in_force, permission)
    if not decision.allowed:
        raise PermissionDenied(decision)


def get_project(connection: Connection, name: str, caller: Principal, permission: str) -> Project:
    """The project of that ID or number, if the caller has the permission on it.

    Raises PermissionDenied, for unknown projects too, and NotFound for those who may see all.
    """
    project = projects.find(connection, name) or projects.find_by_number(connection, name)
    resource = f"projects/{project.project_id}" if project else ""
    check(caller, permission, [policies.find(connection, resource)])
    if project is None:
        raise NotFound(f"Project not found: {name}")
    return project
