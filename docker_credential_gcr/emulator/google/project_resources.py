"""Resources in a project that have policies of their own: topics, subscriptions and secrets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import enabled_apis, policies
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.identity.google_services import SERVICES
from docker_credential_gcr.emulator.identity.policy import Policy
from docker_credential_gcr.emulator.identity.resource import Resource

from . import authorization
from .rest.calls import Call
from .rest.errors import NotFound, ServiceDisabled

R = TypeVar("R")


@dataclass(frozen=True)
class ProjectCollection(Generic[R]):
    """Resources of one kind: how one is named and described for conditions of policies, and how it is found.

    `refuse` returns the text of a refusal, from the permission, the project as the caller wrote it and the
    resource's ID; `miss` that of a missing resource, from the project's number and the ID.
    """

    service: str
    format_name: Callable[[str, str], str]
    describe: Callable[[str, str], Resource]
    find: Callable[[Connection, str, str], R | None]
    refuse: Callable[[str, str, str], str]
    miss: Callable[[str, str], str]

    def get(
        self, connection: Connection, call: Call, project_name: str, resource_id: str, permission: str
    ) -> R:
        """Returns a resource, if the caller has the permission on it or its project, and the API is enabled.

        Raises PermissionDenied, ProjectDeleted, NotFound, ServiceDisabled.
        """
        project = authorization.find_project(connection, project_name)
        resource, _, in_force = self.locate(connection, project_name, resource_id)
        refusal = self.refuse(permission, project_name, resource_id)
        authorization.check_permission(connection, call.caller, permission, in_force, resource, refusal)
        found = self.find(connection, resource.project_id, resource_id)
        if project is not None:
            check_service(connection, project, self.service)
        if found is None:
            raise NotFound(self.miss(project.number if project else project_name, resource_id))
        return found

    def locate(
        self, connection: Connection, project_name: str, resource_id: str
    ) -> tuple[Resource, str, list[Policy]]:
        """Returns what IAM knows of a resource, which need not exist.

        That is the resource for conditions, the key of its policy, and the policies in force: the project's,
        and its own.
        """
        project = authorization.find_project(connection, project_name)
        project_id = project.project_id if project else project_name
        name = self.format_name(project_id, resource_id)
        of_project = authorization.find_project_policy(connection, project_id)
        return self.describe(name, project_id), name, [of_project, policies.find(connection, name)]


def check_service(connection: Connection, project: Project, service: str) -> None:
    """Raises ServiceDisabled unless the API is enabled in the project."""
    if enabled_apis.find_obstacle(connection, project.project_id, service) is Obstacle.DISABLED:
        raise ServiceDisabled(SERVICES[service], service, project.number)
