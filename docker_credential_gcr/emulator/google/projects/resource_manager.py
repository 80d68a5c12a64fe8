"""Projects (cloudresourcemanager.googleapis.com), in v1 and v3 of Resource Manager.

https://cloud.google.com/resource-manager/reference/rest
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import policies, projects
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.google.authorization import (
    check_permission,
    find_project_policy,
    get_project,
)
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import FailedPrecondition
from docker_credential_gcr.emulator.google.rest.field_masks import merge_fields
from docker_credential_gcr.emulator.google.rest.labels import parse_labels
from docker_credential_gcr.emulator.google.rest.long_running import create_operation_number, finish_operation
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, writes
from docker_credential_gcr.emulator.google.rest.pagination import parse_page, skip_to_page
from docker_credential_gcr.emulator.google.rest.request_messages import PROJECT_V1, PROJECT_V3
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.policy import EMPTY, grant
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal
from docker_credential_gcr.emulator.identity.resource import describe_project

from .parents import check_parent, parse_parent, parse_parent_v1
from .project_filters import Predicate, parse_filter
from .project_resource import V1_TYPE, V3_TYPE, format_v1, format_v3, parse_name, parse_project_id

_METADATA = "type.googleapis.com/google.cloud.resourcemanager.v3."


@method(body=PROJECT_V1)
async def create_project_v1(call: Call) -> Result:
    """Creates a project, and makes the caller its owner; the operation is done at once."""
    parent = parse_parent_v1(call.body.get("parent"))
    return await _create(call, parent, "name", lambda project: {"@type": V1_TYPE, **format_v1(project)})


@method(body=PROJECT_V3)
async def create_project_v3(call: Call) -> Result:
    """Creates a project, in the form of v3."""
    parent = call.body.get("parent")
    return await _create(call, parent, "displayName", _describe_v3, "CreateProjectMetadata")


@method("filter", *PAGE)
async def list_projects_v1(call: Call) -> Result:
    """Returns the projects that the caller may see."""
    return await _list(call, parse_filter(call.query.get("filter", "")), format_v1)


@method("query", *PAGE)
async def search_projects_v3(call: Call) -> Result:
    """Returns the projects that the caller may see, in the form of v3."""
    return await _list(call, parse_filter(call.query.get("query", "")), format_v3)


@method("parent", "showDeleted", *PAGE)
async def list_projects_v3(call: Call) -> Result:
    """Returns the projects whose parent is a folder or an organization; not those in its subfolders."""
    parent = parse_parent(call.query.get("parent"))
    with_deleted = call.query.get("showDeleted") == "true"
    return await _list(
        call,
        lambda project: project.parent == parent and (with_deleted or project.deleted_at is None),
        format_v3,
    )


@reads()
def show_project_v1(connection: Connection, call: Call) -> Result:
    """Returns one project, in the form of v1."""
    return format_v1(get_project(connection, call, "resourcemanager.projects.get"))


@reads()
def show_project_v3(connection: Connection, call: Call) -> Result:
    """Returns one project, in the form of v3."""
    return format_v3(get_project(connection, call, "resourcemanager.projects.get"))


@method(body=PROJECT_V1)
async def update_project_v1(call: Call) -> Result:
    """Replaces a project's name and labels."""
    texts = {"displayName": call.body.get("name", ""), "labels": call.body.get("labels", {})}
    parent = parse_parent_v1(call.body.get("parent"))

    def change(project: Project) -> Mapping[str, Any]:
        check_parent(project, parent)
        return texts

    changed, _ = await call.services.database.write(lambda connection: _update(connection, call, change))
    return format_v1(changed)


@writes("updateMask", body=PROJECT_V3)
def update_project_v3(connection: Connection, call: Call) -> Result:
    """Changes a project's displayName and labels, if updateMask names them."""
    _, operation = _update(
        connection, call, lambda project: merge_fields(call, format_v3(project), PROJECT_V3)
    )
    return operation


@writes()
def delete_project_v1(connection: Connection, call: Call) -> Result:
    """Requests the deletion of a project: nothing in it can be used until it is undeleted."""
    _set_deleted(connection, call, "delete")
    return {}


@writes()
def delete_project_v3(connection: Connection, call: Call) -> Result:
    """Requests the deletion of a project, in the form of v3."""
    return _set_deleted(connection, call, "delete")


@writes()
def undelete_project_v1(connection: Connection, call: Call) -> Result:
    """Undeletes a project."""
    _set_deleted(connection, call, "undelete")
    return {}


@writes()
def undelete_project_v3(connection: Connection, call: Call) -> Result:
    """Undeletes a project, in the form of v3."""
    return _set_deleted(connection, call, "undelete")


async def _create(
    call: Call,
    parent_name: str | None,
    name_field: str,
    describe: Callable[[Project], dict[str, Any]],
    metadata_type: str | None = None,
) -> Result:
    project_id = parse_project_id(call.body.get("projectId"))
    name = parse_name(call.body.get(name_field, ""), name_field) or project_id
    labels = parse_labels(call.body.get("labels", {}))
    parent = parse_parent(parent_name) if parent_name else ""

    def work(connection: Connection) -> dict[str, Any]:
        # Google looks in the organization's policy; without one here, a role in any project's policy counts.
        granted = policies.list_of_projects(connection)
        check_permission(connection, call.caller, "resourcemanager.projects.create", granted)
        project = projects.create(
            connection,
            project_id,
            name=name,
            labels=labels,
            parent=parent,
            kind=call.services.registry_kind,
            now=call.now,
        )
        _make_owner(connection, call.caller, project_id)
        metadata = None if metadata_type is None else {"@type": f"{_METADATA}{metadata_type}", "ready": True}
        return finish_operation(
            connection, call, f"operations/cp.{project.number}", describe(project), metadata
        )

    return await call.services.database.write(work)


async def _list(call: Call, matches: Predicate, describe: Callable[[Project], dict[str, Any]]) -> Result:
    page, key = parse_page(call.query, default=500), attrgetter("project_id")

    def is_visible(connection: Connection, project: Project) -> bool:
        policy = find_project_policy(connection, project.project_id)
        resource = describe_project(project.project_id)
        return decide(call.caller, [policy], "resourcemanager.projects.get", resource).allowed

    def work(connection: Connection) -> dict[str, Any]:
        matching = (project for project in projects.list_all(connection) if matches(project))
        visible = (each for each in skip_to_page(matching, page, key) if is_visible(connection, each))
        return page.format("projects", visible, describe, key)

    return await call.services.database.scan(work)


def _update(
    connection: Connection, call: Call, change: Callable[[Project], Mapping[str, Any]]
) -> tuple[Project, dict[str, Any]]:
    project = get_project(connection, call, "resourcemanager.projects.update")
    texts = change(project)
    name = parse_name(texts.get("displayName", "")) or project.name
    projects.update_texts(connection, project, name=name, labels=parse_labels(texts.get("labels", {})))
    changed = get_project(connection, call, "resourcemanager.projects.update")
    return changed, _finish(connection, call, changed, "up", "UpdateProjectMetadata")


def _set_deleted(connection: Connection, call: Call, verb: str) -> dict[str, Any]:
    permission, deletes = f"resourcemanager.projects.{verb}", verb == "delete"
    project = get_project(connection, call, permission)
    if (project.deleted_at is not None) == deletes:
        state = "DELETE_REQUESTED" if deletes else "ACTIVE"
        raise FailedPrecondition(f"Cannot {verb} a project that is {state}.")
    projects.set_deleted(connection, project, now=call.now if deletes else None)
    changed = get_project(connection, call, permission)
    return _finish(connection, call, changed, f"{verb[0]}p", f"{verb.capitalize()}ProjectMetadata")


def _finish(
    connection: Connection, call: Call, project: Project, kind: str, metadata_type: str
) -> dict[str, Any]:
    metadata = {"@type": f"{_METADATA}{metadata_type}"}
    return finish_operation(
        connection, call, f"operations/{kind}.{create_operation_number()}", _describe_v3(project), metadata
    )


def _make_owner(connection: Connection, caller: Principal, project_id: str) -> None:
    if caller != OPERATOR and caller.member is not None:
        policies.save(connection, f"projects/{project_id}", grant(EMPTY, "roles/owner", caller.member))


def _describe_v3(project: Project) -> dict[str, Any]:
    return {"@type": V3_TYPE, **format_v3(project)}
