"""cloudresourcemanager.googleapis.com: projects, and who may do what in them.

https://cloud.google.com/resource-manager/reference/rest
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.decision import decide
from docker_credential_gcr.emulator.identity.names import PROJECT_ID_RULE, find_project_id, is_project_id
from docker_credential_gcr.emulator.identity.policy import (
    EMPTY,
    Policy,
    format_policy,
    grant,
    parse_policy,
)
from docker_credential_gcr.emulator.identity.principal import OPERATOR, Principal
from docker_credential_gcr.emulator.identity.roles import BUCKET_ROLES
from docker_credential_gcr.emulator.records import policies, projects, service_accounts
from docker_credential_gcr.emulator.records.projects import Project

from .access import check, find_caller, get_project
from .bodies import read_json
from .errors import InvalidArgument
from .services import Services
from .times import format_instant

_PROJECT_TYPE = "type.googleapis.com/google.cloudresourcemanager.v1.Project"
# What gcloud sends with every listing; each project here is active.
_FILTERS = ("", "lifecycleState:ACTIVE", "lifecycleState=ACTIVE")


async def create_project(request: Request, services: Services) -> JSONResponse:
    """Make a project that its maker owns; the operation is done at once."""
    caller = find_caller(request, services)
    body = await read_json(request)
    project_id, name = body.get("projectId"), body.get("name", "")
    if not isinstance(project_id, str) or not is_project_id(project_id):
        raise InvalidArgument(
            f"field [project_id] has issue [project_id contains invalid characters or has "
            f"the wrong length: it must be {PROJECT_ID_RULE}]"
        )
    if not isinstance(name, str) or len(name) > 100:
        raise InvalidArgument("field [name] has issue [it must be a string of at most 100 characters]")

    def work(connection: Connection) -> Project:
        # No organization stands above the projects here, so the role counts in any of them.
        granted = [policy for _, policy in policies.list_all(connection)]
        check(caller, "resourcemanager.projects.create", granted)
        return _create(connection, caller, project_id, name, services.clock.now())

    project = await services.database.write(work)
    response = {"@type": _PROJECT_TYPE, **_format_v1(project)}
    return JSONResponse({"name": f"operations/cp.{project.number}", "done": True, "response": response})


async def list_projects(request: Request, services: Services) -> JSONResponse:
    """The projects that the caller may see, all in one page."""
    caller = find_caller(request, services)
    if request.query_params.get("filter", "") not in _FILTERS:
        raise InvalidArgument("gcr-emulator knows no other filter than lifecycleState:ACTIVE")
    with services.database.read() as connection:
        in_force = dict(policies.list_all(connection))
        every = projects.list_all(connection)
    visible = [
        _format_v1(project)
        for project in every
        if decide(
            caller,
            [in_force.get(f"projects/{project.project_id}", EMPTY)],
            "resourcemanager.projects.get",
        ).allowed
    ]
    return JSONResponse({"projects": visible} if visible else {})


async def get_project_v1(request: Request, services: Services) -> JSONResponse:
    """One project, in the form of v1."""
    return JSONResponse(_format_v1(_get(request, services)))


async def get_project_v3(request: Request, services: Services) -> JSONResponse:
    """One project, in the form of v3."""
    project = _get(request, services)
    return JSONResponse(
        {
            "name": f"projects/{project.number}",
            "projectId": project.project_id,
            "state": "ACTIVE",
            "displayName": project.name,
            "createTime": format_instant(project.created_at),
        }
    )


async def get_policy(request: Request, services: Services) -> JSONResponse:
    """The project's IAM policy."""
    caller = find_caller(request, services)
    await read_json(request)
    name = request.path_params["project"]
    with services.database.read() as connection:
        project = get_project(connection, name, caller, "resourcemanager.projects.getIamPolicy")
        policy = policies.find(connection, f"projects/{project.project_id}")
    return JSONResponse(format_policy(policy))


async def set_policy(request: Request, services: Services) -> JSONResponse:
    """Replace the project's IAM policy, unless it has changed since the caller read it."""
    caller = find_caller(request, services)
    document = (await read_json(request)).get("policy")
    policy = parse_policy(document)
    etag = document.get("etag") if isinstance(document, dict) else None
    if etag is not None and not isinstance(etag, str):
        raise InvalidArgument("the etag of a policy is a string")

    def work(connection: Connection) -> Policy:
        name = request.path_params["project"]
        project = get_project(connection, name, caller, "resourcemanager.projects.setIamPolicy")
        _check_bindings(connection, policy)
        return policies.save(connection, f"projects/{project.project_id}", policy, etag=etag)

    return JSONResponse(format_policy(await services.database.write(work)))


def _create(connection: Connection, caller: Principal, project_id: str, name: str, now: float) -> Project:
    project = projects.create(connection, project_id, name=name or project_id, now=now)
    if caller != OPERATOR and caller.member is not None:
        policies.save(connection, f"projects/{project_id}", grant(EMPTY, "roles/owner", caller.member))
    return project


def _get(request: Request, services: Services) -> Project:
    caller = find_caller(request, services)
    with services.database.read() as connection:
        return get_project(connection, request.path_params["project"], caller, "resourcemanager.projects.get")


def _check_bindings(connection: Connection, policy: Policy) -> None:
    for binding in policy.bindings:
        if binding.role in BUCKET_ROLES:
            raise InvalidArgument(f"Role {binding.role} is not supported for this resource.")
        for member in binding.members:
            _check_member(connection, member)


def _check_member(connection: Connection, member: str) -> None:
    """Refuse an account that a project of this emulator would have, and has not: a slip of the pen."""
    kind, _, email = member.partition(":")
    project_id = find_project_id(email) if kind == "serviceAccount" else None
    if project_id is None or projects.find(connection, project_id) is None:
        return
    if service_accounts.find(connection, email) is None:
        raise InvalidArgument(f"Service account {email} does not exist.")


def _format_v1(project: Project) -> dict[str, str]:
    return {
        "projectNumber": project.number,
        "projectId": project.project_id,
        "lifecycleState": "ACTIVE",
        "name": project.name,
        "createTime": format_instant(project.created_at),
    }
