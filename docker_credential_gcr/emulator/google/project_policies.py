"""cloudresourcemanager.googleapis.com: who may do what in a project.

https://cloud.google.com/resource-manager/reference/rest/v3/projects/setIamPolicy
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity import resource as resources
from docker_credential_gcr.emulator.identity.policy import Policy, format_policy
from docker_credential_gcr.emulator.identity.roles import PROJECT
from docker_credential_gcr.emulator.records import policies

from .access import find_caller, find_project, find_project_policy, get_project, list_allowed
from .bodies import read_json
from .iam_policies import check_bindings, parse_options, parse_permissions, parse_update
from .services import Services


async def get_policy(request: Request, services: Services) -> JSONResponse:
    """The project's IAM policy."""
    caller = find_caller(request, services)
    version = parse_options(await read_json(request))
    name = request.path_params["project"]
    with services.database.read() as connection:
        project = get_project(connection, name, caller, "resourcemanager.projects.getIamPolicy")
        policy = find_project_policy(connection, project.project_id)
    return JSONResponse(format_policy(policy, version))


async def set_policy(request: Request, services: Services) -> JSONResponse:
    """Replace the project's IAM policy, unless it has changed since the caller read it."""
    caller = find_caller(request, services)
    policy, etag = parse_update((await read_json(request)).get("policy"))

    def work(connection: Connection) -> Policy:
        name = request.path_params["project"]
        project = get_project(connection, name, caller, "resourcemanager.projects.setIamPolicy")
        check_bindings(connection, policy, PROJECT, f"projects/{project.project_id}")
        return policies.save(connection, f"projects/{project.project_id}", policy, etag=etag)

    return JSONResponse(format_policy(await services.database.write(work)))


async def test_permissions(request: Request, services: Services) -> JSONResponse:
    """Those of the permissions that the caller has; none on a project that is not there."""
    caller = find_caller(request, services)
    permissions = parse_permissions((await read_json(request)).get("permissions"))
    with services.database.read() as connection:
        project = find_project(connection, request.path_params["project"])
        project_id = project.project_id if project else ""
        in_force, resource = [find_project_policy(connection, project_id)], resources.project(project_id)
        allowed = list_allowed(connection, caller, permissions, in_force, resource) if project else []
    return JSONResponse({"permissions": allowed} if allowed else {})
