"""cloudresourcemanager.googleapis.com: what a project lies below. Folders and organizations are names here.

https://cloud.google.com/resource-manager/reference/rest/v1/projects/getAncestry
"""

import re
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.records import projects
from docker_credential_gcr.emulator.records.projects import Project

from .access import find_caller, get_project
from .bodies import read_json
from .errors import InvalidArgument
from .operations import finish, new_number
from .project_bodies import V3_TYPE, format_parent_v1, format_v3
from .services import Services

_METADATA = "type.googleapis.com/google.cloud.resourcemanager.v3.MoveProjectMetadata"
_PARENT = re.compile(r"(?:folders|organizations)/[0-9]{1,25}", re.ASCII)
_TYPES = ("folder", "organization")


async def get_ancestry(request: Request, services: Services) -> JSONResponse:
    """Returns the project and what it lies below, from the bottom to the top."""
    caller = find_caller(request, services)
    await read_json(request)
    with services.database.reading() as connection:
        name = request.path_params["project"]
        project = get_project(connection, name, caller, "resourcemanager.projects.get")
    above = [format_parent_v1(project)] if project.parent else []
    resources = [{"type": "project", "id": project.project_id}, *above]
    return JSONResponse({"ancestor": [{"resourceId": resource} for resource in resources]})


async def move_project(request: Request, services: Services) -> JSONResponse:
    """Puts a project below another folder or organization."""
    caller = find_caller(request, services)
    parent = parse_parent((await read_json(request)).get("destinationParent"), "destination_parent")

    def work(connection: Connection) -> dict[str, Any]:
        # Folders have no policies here, in which Google looks for resourcemanager.projects.move.
        name, permission = request.path_params["project"], "resourcemanager.projects.update"
        projects.set_parent(connection, get_project(connection, name, caller, permission), parent)
        moved = get_project(connection, name, caller, permission)
        response = {"@type": V3_TYPE, **format_v3(moved)}
        operation = f"operations/mp.{new_number()}"
        return finish(connection, services, caller, operation, response, {"@type": _METADATA})

    return JSONResponse(await services.database.write(work))


def parse_parent(value: object, field: str = "parent") -> str:
    """Returns folders/ID or organizations/ID. Raises InvalidArgument."""
    if not isinstance(value, str) or not _PARENT.fullmatch(value):
        raise InvalidArgument(f"field [{field}] has issue [it must be folders/ID or organizations/ID]")
    return value


def parse_parent_v1(parent: dict[str, Any] | None) -> str:
    """Returns folders/1 for {"type": "folder", "id": "1"}, "" where it is absent. Raises InvalidArgument."""
    if not parent:
        return ""
    if parent.get("type") not in _TYPES:
        raise InvalidArgument("field [parent.type] has issue [it must be folder or organization]")
    return parse_parent(f"{parent['type']}s/{parent.get('id')}")


def check_parent(project: Project, parent: str) -> None:
    """Raises InvalidArgument where an update would move the project."""
    if parent and parent != project.parent:
        raise InvalidArgument("field [parent] has issue [an update does not move a project: use v3's :move]")
