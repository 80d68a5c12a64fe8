"""cloudresourcemanager.googleapis.com: projects, in the forms of v1 and v3.

https://cloud.google.com/resource-manager/reference/rest
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity import resource as resources
from docker_credential_gcr.emulator.identity.decision import decide
from docker_credential_gcr.emulator.identity.policy import EMPTY, grant
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal
from docker_credential_gcr.emulator.records import policies, projects
from docker_credential_gcr.emulator.records.projects import Project

from .access import check, find_caller, find_project_policy, get_project
from .bodies import read_json
from .errors import FailedPrecondition
from .field_masks import merge
from .operations import finish, new_number
from .paging import cut, parse_page
from .project_bodies import (
    V1_TYPE,
    V3_TYPE,
    format_v1,
    format_v3,
    parse_labels,
    parse_name,
    parse_project_id,
)
from .project_filters import Test, parse_filter
from .project_parents import check_parent, parse_parent, parse_parent_v1
from .request_messages import PROJECT_V3
from .services import Services

_METADATA = "type.googleapis.com/google.cloud.resourcemanager.v3."


async def create_project_v1(request: Request, services: Services) -> JSONResponse:
    """Make a project that its maker owns; the operation is done at once."""
    body = await read_json(request)
    body = {**body, "parent": parse_parent_v1(body.get("parent"))}
    return await _create(
        request, services, body, "name", lambda project: {"@type": V1_TYPE, **format_v1(project)}
    )


async def create_project_v3(request: Request, services: Services) -> JSONResponse:
    """The same, in the form of v3."""
    body = await read_json(request)
    return await _create(request, services, body, "displayName", _answer_v3, "CreateProjectMetadata")


async def list_projects_v1(request: Request, services: Services) -> JSONResponse:
    """The projects that the caller may see."""
    return await _list(request, services, parse_filter(request.query_params.get("filter", "")), format_v1)


async def search_projects_v3(request: Request, services: Services) -> JSONResponse:
    """The same, in the form of v3."""
    return await _list(request, services, parse_filter(request.query_params.get("query", "")), format_v3)


async def list_projects_v3(request: Request, services: Services) -> JSONResponse:
    """Returns the projects right below a folder or an organization."""
    parent = parse_parent(request.query_params.get("parent"))
    with_deleted = request.query_params.get("showDeleted") == "true"
    return await _list(
        request,
        services,
        lambda project: project.parent == parent and (with_deleted or project.deleted_at is None),
        format_v3,
    )


async def get_project_v1(request: Request, services: Services) -> JSONResponse:
    """One project, in the form of v1."""
    return JSONResponse(format_v1(_get(request, services)))


async def get_project_v3(request: Request, services: Services) -> JSONResponse:
    """One project, in the form of v3."""
    return JSONResponse(format_v3(_get(request, services)))


async def update_project_v1(request: Request, services: Services) -> JSONResponse:
    """Replace a project's name and labels."""
    body = await read_json(request)
    texts = {"displayName": body.get("name", ""), "labels": body.get("labels", {})}
    parent = parse_parent_v1(body.get("parent"))

    def change(project: Project) -> Mapping[str, Any]:
        check_parent(project, parent)
        return texts

    changed, _ = await _update(request, services, change)
    return JSONResponse(format_v1(changed))


async def update_project_v3(request: Request, services: Services) -> JSONResponse:
    """Change those of a project's displayName and labels that updateMask names."""
    body = await read_json(request)
    _, operation = await _update(
        request,
        services,
        lambda project: merge(request, format_v3(project), body, PROJECT_V3),
    )
    return JSONResponse(operation)


async def delete_project_v1(request: Request, services: Services) -> JSONResponse:
    """Ask for the deletion of a project: from now on nothing in it can be used."""
    await _set_deleted(request, services, deleted=True)
    return JSONResponse({})


async def delete_project_v3(request: Request, services: Services) -> JSONResponse:
    """The same, in the form of v3."""
    return JSONResponse(await _set_deleted(request, services, deleted=True))


async def undelete_project_v1(request: Request, services: Services) -> JSONResponse:
    """Take the deletion of a project back."""
    await _set_deleted(request, services, deleted=False)
    return JSONResponse({})


async def undelete_project_v3(request: Request, services: Services) -> JSONResponse:
    """The same, in the form of v3."""
    return JSONResponse(await _set_deleted(request, services, deleted=False))


async def _create(
    request: Request,
    services: Services,
    body: Mapping[str, Any],
    name_field: str,
    answer: Callable[[Project], dict[str, Any]],
    metadata: str | None = None,
) -> JSONResponse:
    caller = find_caller(request, services)
    project_id = parse_project_id(body.get("projectId"))
    name = parse_name(body.get(name_field, ""), name_field) or project_id
    labels = parse_labels(body.get("labels", {}))
    parent = parse_parent(body["parent"]) if body.get("parent") else ""

    def work(connection: Connection) -> dict[str, Any]:
        # No organization stands above the projects here, so the role counts in the policy of any of them.
        granted = policies.list_of_projects(connection)
        check(connection, caller, "resourcemanager.projects.create", granted)
        project = projects.create(
            connection, project_id, name=name, labels=labels, parent=parent, now=services.clock.now()
        )
        _make_owner(connection, caller, project_id)
        said = None if metadata is None else {"@type": f"{_METADATA}{metadata}", "ready": True}
        return finish(connection, services, caller, f"operations/cp.{project.number}", answer(project), said)

    return JSONResponse(await services.database.write(work))


async def _list(
    request: Request, services: Services, matches: Test, describe: Callable[[Project], dict[str, Any]]
) -> JSONResponse:
    caller = find_caller(request, services)
    page = parse_page(request, default=500)

    def is_visible(connection: Connection, project: Project) -> bool:
        policy = find_project_policy(connection, project.project_id)
        resource = resources.project(project.project_id)
        return decide(caller, [policy], "resourcemanager.projects.get", resource).allowed

    def key(project: Project) -> str:
        return project.project_id

    def work(connection: Connection) -> dict[str, Any]:
        matching = (project for project in projects.list_all(connection) if matches(project))
        visible = (each for each in cut(matching, page, key) if is_visible(connection, each))
        return page.format("projects", visible, describe, key)

    return JSONResponse(await services.database.scan(work))


async def _update(
    request: Request, services: Services, change: Callable[[Project], Mapping[str, Any]]
) -> tuple[Project, dict[str, Any]]:
    caller = find_caller(request, services)

    def work(connection: Connection) -> tuple[Project, dict[str, Any]]:
        wanted = request.path_params["project"]
        project = get_project(connection, wanted, caller, "resourcemanager.projects.update")
        texts = change(project)
        name = parse_name(texts.get("displayName", "")) or project.name
        projects.update_texts(connection, project, name=name, labels=parse_labels(texts.get("labels", {})))
        changed = get_project(connection, wanted, caller, "resourcemanager.projects.update")
        return changed, _finish(connection, services, caller, changed, "up", "UpdateProjectMetadata")

    return await services.database.write(work)


async def _set_deleted(request: Request, services: Services, *, deleted: bool) -> dict[str, Any]:
    caller = find_caller(request, services)
    await read_json(request)
    verb, letter = ("delete", "d") if deleted else ("undelete", "u")

    def work(connection: Connection) -> dict[str, Any]:
        name, permission = request.path_params["project"], f"resourcemanager.projects.{verb}"
        project = get_project(connection, name, caller, permission)
        if (project.deleted_at is not None) == deleted:
            state = "DELETE_REQUESTED" if deleted else "ACTIVE"
            raise FailedPrecondition(f"Cannot {verb} a project that is {state}.")
        projects.set_deleted(connection, project, now=services.clock.now() if deleted else None)
        changed = get_project(connection, name, caller, permission)
        metadata = f"{verb.capitalize()}ProjectMetadata"
        return _finish(connection, services, caller, changed, f"{letter}p", metadata)

    return await services.database.write(work)


def _finish(
    connection: Connection, services: Services, caller: Principal, project: Project, kind: str, metadata: str
) -> dict[str, Any]:
    said = {"@type": f"{_METADATA}{metadata}"}
    name = f"operations/{kind}.{new_number()}"
    return finish(connection, services, caller, name, _answer_v3(project), said)


def _make_owner(connection: Connection, caller: Principal, project_id: str) -> None:
    if caller != OPERATOR and caller.member is not None:
        policies.save(connection, f"projects/{project_id}", grant(EMPTY, "roles/owner", caller.member))


def _get(request: Request, services: Services) -> Project:
    caller = find_caller(request, services)
    with services.database.reading() as connection:
        return get_project(connection, request.path_params["project"], caller, "resourcemanager.projects.get")


def _answer_v3(project: Project) -> dict[str, Any]:
    return {"@type": V3_TYPE, **format_v3(project)}
