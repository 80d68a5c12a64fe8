"""Parents of projects (cloudresourcemanager.googleapis.com): folders and organizations, only names here.

https://cloud.google.com/resource-manager/reference/rest/v1/projects/getAncestry
"""

import re
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.authorization import check_permission, get_project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.long_running import create_operation_number, finish_operation
from docker_credential_gcr.emulator.google.rest.message_schema import VALUE
from docker_credential_gcr.emulator.google.rest.methods import Result, method, reads
from docker_credential_gcr.emulator.google.rest.request_messages import GET_POLICY
from docker_credential_gcr.emulator.identity.policy import EMPTY, format_policy

from .project_resource import V3_TYPE, format_parent_v1, format_v3

_METADATA = "type.googleapis.com/google.cloud.resourcemanager.v3.MoveProjectMetadata"
_PARENT = re.compile(r"(?:folders|organizations)/[0-9]{1,25}", re.ASCII)
_TYPES = ("folder", "organization")


@reads()
def show_ancestry(connection: Connection, call: Call) -> Result:
    """Returns the project and its ancestors, from the bottom to the top."""
    project = get_project(connection, call, "resourcemanager.projects.get")
    ancestors = [format_parent_v1(project)] if project.parent else []
    resources = [{"type": "project", "id": project.project_id}, *ancestors]
    return {"ancestor": [{"resourceId": resource} for resource in resources]}


@reads(body=GET_POLICY)
def show_folder_policy(connection: Connection, call: Call) -> Result:
    """Returns an empty policy: folders have none here, so the operator alone may read it."""
    check_permission(connection, call.caller, "resourcemanager.folders.getIamPolicy", [])
    return format_policy(EMPTY)


@reads(body=GET_POLICY)
def show_organization_policy(connection: Connection, call: Call) -> Result:
    """Returns an empty policy, as for a folder."""
    check_permission(connection, call.caller, "resourcemanager.organizations.getIamPolicy", [])
    return format_policy(EMPTY)


@method(body={"destinationParent": VALUE})
async def move_project(call: Call) -> Result:
    """Moves a project to another folder or organization."""
    parent = parse_parent(call.body.get("destinationParent"), "destination_parent")

    def work(connection: Connection) -> dict[str, Any]:
        # Not Google's resourcemanager.projects.move, a permission on the folders: they have no policies here.
        permission = "resourcemanager.projects.update"
        projects.set_parent(connection, get_project(connection, call, permission), parent)
        response = {"@type": V3_TYPE, **format_v3(get_project(connection, call, permission))}
        return finish_operation(
            connection, call, f"operations/mp.{create_operation_number()}", response, {"@type": _METADATA}
        )

    return await call.services.database.write(work)


def parse_parent(value: object, field: str = "parent") -> str:
    """Returns folders/ID or organizations/ID. Raises InvalidArgument."""
    if not isinstance(value, str) or not _PARENT.fullmatch(value):
        raise InvalidArgument(f"field [{field}] has issue [it must be folders/ID or organizations/ID]")
    return value


def parse_parent_v1(parent: dict[str, Any] | None) -> str:
    """Returns folders/1 for {"type": "folder", "id": "1"}, "" if it is absent. Raises InvalidArgument."""
    if not parent:
        return ""
    if parent.get("type") not in _TYPES:
        raise InvalidArgument("field [parent.type] has issue [it must be folder or organization]")
    return parse_parent(f"{parent['type']}s/{parent.get('id')}")


def check_parent(project: Project, parent: str) -> None:
    """Raises InvalidArgument if an update would move the project."""
    if parent and parent != project.parent:
        raise InvalidArgument("field [parent] has issue [an update does not move a project: use v3's :move]")
