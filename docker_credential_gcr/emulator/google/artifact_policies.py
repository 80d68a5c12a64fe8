"""artifactregistry.googleapis.com: who may do what in a repository.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories/setIamPolicy
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity import resource as resources
from docker_credential_gcr.emulator.identity.policy import Policy, format_policy
from docker_credential_gcr.emulator.identity.roles import REPOSITORY
from docker_credential_gcr.emulator.records import policies

from .access import find_caller, find_project, list_allowed
from .artifact_access import find_policies, get_repository
from .bodies import read_json
from .iam_policies import check_bindings, parse_permissions, parse_requested_version, parse_update
from .services import Services


async def get_policy(request: Request, services: Services) -> JSONResponse:
    """The repository's IAM policy."""
    caller = find_caller(request, services)
    version = parse_requested_version(request.query_params.get("options.requestedPolicyVersion"))
    with services.database.read() as connection:
        found = get_repository(connection, request, caller, "artifactregistry.repositories.getIamPolicy")
        policy = policies.find(connection, found.name)
    return JSONResponse(format_policy(policy, version))


async def set_policy(request: Request, services: Services) -> JSONResponse:
    """Replace the repository's IAM policy, unless it has changed since the caller read it."""
    caller = find_caller(request, services)
    policy, etag = parse_update((await read_json(request)).get("policy"))

    def work(connection: Connection) -> Policy:
        found = get_repository(connection, request, caller, "artifactregistry.repositories.setIamPolicy")
        check_bindings(connection, policy, REPOSITORY, found.name)
        return policies.save(connection, found.name, policy, etag=etag)

    return JSONResponse(format_policy(await services.database.write(work)))


async def test_permissions(request: Request, services: Services) -> JSONResponse:
    """Those of the permissions that the caller has; none on a repository that is not there."""
    caller = find_caller(request, services)
    permissions = parse_permissions((await read_json(request)).get("permissions"))
    name, location, repository_id = (
        request.path_params[part] for part in ("project", "location", "repository")
    )
    with services.database.read() as connection:
        project = find_project(connection, name)
        resource = resources.repository(project.project_id if project else name, location, repository_id)
        in_force = find_policies(connection, resource.project_id, resource.name)
        allowed = list_allowed(connection, caller, permissions, in_force, resource)
    return JSONResponse({"permissions": allowed} if allowed else {})
