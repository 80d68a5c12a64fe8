"""Project resource: its JSON in v1 and v3 of Resource Manager, and checks of the fields of a request."""

from typing import Any

from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.identity.resource_names import PROJECT_ID_RULE, is_project_id
from docker_credential_gcr.emulator.runtime.timestamps import format_instant

V1_TYPE = "type.googleapis.com/google.cloudresourcemanager.v1.Project"
V3_TYPE = "type.googleapis.com/google.cloud.resourcemanager.v3.Project"


def parse_project_id(value: object) -> str:
    """Returns the ID of a new project. Raises InvalidArgument."""
    if not isinstance(value, str) or not is_project_id(value):
        raise InvalidArgument(
            f"field [project_id] has issue [project_id contains invalid characters or has "
            f"the wrong length: it must be {PROJECT_ID_RULE}]"
        )
    return value


def parse_name(value: object, field: str = "name") -> str:
    """Returns the display name of a project. Raises InvalidArgument."""
    if not isinstance(value, str) or len(value) > 100:
        raise InvalidArgument(f"field [{field}] has issue [it must be a string of at most 100 characters]")
    return value


def format_v1(project: Project) -> dict[str, Any]:
    """Returns {"projectId", "projectNumber", "lifecycleState", "name", "createTime", "labels"}"""
    document: dict[str, Any] = {
        "projectNumber": project.number,
        "projectId": project.project_id,
        "lifecycleState": format_state(project),
        "name": project.name,
        "createTime": format_instant(project.created_at),
    }
    if project.parent:
        document["parent"] = format_parent_v1(project)
    return {**document, "labels": dict(project.labels)} if project.labels else document


def format_parent_v1(project: Project) -> dict[str, str]:
    """Returns {"type": "folder", "id": "1"} for folders/1."""
    kind, _, number = project.parent.partition("/")
    return {"type": kind.removesuffix("s"), "id": number}


def format_v3(project: Project) -> dict[str, Any]:
    """Returns {"name": "projects/NUMBER", "projectId", "state", "displayName", "createTime", …}"""
    document: dict[str, Any] = {
        "name": f"projects/{project.number}",
        "projectId": project.project_id,
        "state": format_state(project),
        "displayName": project.name,
        "createTime": format_instant(project.created_at),
    }
    if project.parent:
        document["parent"] = project.parent
    if project.deleted_at is not None:
        document["deleteTime"] = format_instant(project.deleted_at)
    return {**document, "labels": dict(project.labels)} if project.labels else document


def format_state(project: Project) -> str:
    return "ACTIVE" if project.deleted_at is None else "DELETE_REQUESTED"
