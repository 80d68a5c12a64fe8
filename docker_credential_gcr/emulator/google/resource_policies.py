"""getIamPolicy, setIamPolicy and testIamPermissions of projects, service accounts, repositories and buckets.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/setIamPolicy
https://cloud.google.com/storage/docs/json_api/v1/buckets/setIamPolicy
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity import resource as resources
from docker_credential_gcr.emulator.identity import roles
from docker_credential_gcr.emulator.identity.policy import Policy, format_policy
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.records import policies, service_accounts
from docker_credential_gcr.emulator.records.errors import Changed

from . import account_access, artifact_access, storage_access
from .access import (
    find_caller,
    find_caller_or_anonymous,
    find_project,
    find_project_policy,
    get_project,
    list_allowed,
)
from .bodies import read_json
from .errors import ConditionNotMet
from .iam_policies import (
    check_bindings,
    parse_options,
    parse_permissions,
    parse_requested_version,
    parse_update,
)
from .services import Services


class Found(NamedTuple):
    """A resource, the name that its policy is filed under, and the policies in force: its own is the last."""

    resource: resources.Resource
    name: str
    in_force: list[Policy]


Get = Callable[[Connection, Request, Principal, str], Found]
Peek = Callable[[Connection, Request], Found | None]


@dataclass(frozen=True)
class ResourcePolicies:
    """The three methods of one kind of resource.

    `get` returns the resource of the request if the caller has the permission, `peek` unchecked or None.
    """

    kind: str
    permissions: str
    get: Get
    peek: Peek

    async def get_policy(self, request: Request, services: Services) -> JSONResponse:
        """Returns the resource's IAM policy."""
        caller = self.find_reader(request, services)
        body = await read_json(request) if request.method == "POST" else {}
        asked = self.find_version(request.query_params)
        version = parse_options(body) if asked is None else parse_requested_version(asked)
        with services.database.reading() as connection:
            found = self.get(connection, request, caller, f"{self.permissions}.getIamPolicy")
        return JSONResponse(self.format(found, found.in_force[-1], version))

    async def set_policy(self, request: Request, services: Services) -> JSONResponse:
        """Replaces the resource's IAM policy, unless it has changed since the caller read it."""
        caller = find_caller(request, services)
        body = await read_json(request)
        policy, etag = parse_update(body.get("policy") if request.method == "POST" else body)

        def work(connection: Connection) -> dict[str, Any]:
            found = self.get(connection, request, caller, f"{self.permissions}.setIamPolicy")
            check_bindings(connection, policy, self.kind, found.name)
            self.save(connection, found, policy, etag)
            return self.format(found, policy, 3)

        return JSONResponse(await services.database.write(work))

    async def test_permissions(self, request: Request, services: Services) -> JSONResponse:
        """Returns those of the permissions that the caller has; none on a resource that does not exist."""
        caller = self.find_reader(request, services)
        is_post = request.method == "POST"
        query = request.query_params
        asked = (await read_json(request)).get("permissions") if is_post else query.getlist("permissions")
        permissions = parse_permissions(asked)
        with services.database.reading() as connection:
            found = self.peek(connection, request)
            allowed = (
                list_allowed(connection, caller, permissions, found.in_force, found.resource) if found else []
            )
        return JSONResponse(self.format_permissions(allowed))

    def find_reader(self, request: Request, services: Services) -> Principal:
        """Returns who reads the policy, or tests permissions."""
        return find_caller(request, services)

    def find_version(self, query: QueryParams) -> str | None:
        """Returns the requested version of the policy in the query."""
        return query.get("options.requestedPolicyVersion")

    def save(self, connection: Connection, found: Found, policy: Policy, etag: str | None) -> None:
        """Sets the policy of the resource. Raises Changed for the etag of another than its own."""
        policies.save(connection, found.name, policy, etag=etag, default=found.in_force[-1])

    def format(self, _found: Found, policy: Policy, version: int) -> dict[str, Any]:
        """Returns the document of the policy."""
        return format_policy(policy, version)

    def format_permissions(self, allowed: list[str]) -> dict[str, Any]:
        """Returns the document of the permissions."""
        return {"permissions": allowed} if allowed else {}


class _BucketPolicies(ResourcePolicies):
    """As Cloud Storage has them: anyone may ask, and documents have a kind."""

    def find_reader(self, request: Request, services: Services) -> Principal:
        return find_caller_or_anonymous(request, services)

    def find_version(self, query: QueryParams) -> str | None:
        return query.get("optionsRequestedPolicyVersion")

    def save(self, connection: Connection, found: Found, policy: Policy, etag: str | None) -> None:
        try:
            super().save(connection, found, policy, etag)
        except Changed as error:
            raise ConditionNotMet from error

    def format(self, found: Found, policy: Policy, version: int) -> dict[str, Any]:
        document = {"kind": "storage#policy", "resourceId": found.resource.name}
        # Google's own samples push to a list that must be there.
        return {**document, "bindings": [], **super().format(found, policy, version)}

    def format_permissions(self, allowed: list[str]) -> dict[str, Any]:
        return {"kind": "storage#testIamPermissionsResponse", **super().format_permissions(allowed)}


def _get_project(connection: Connection, request: Request, caller: Principal, permission: str) -> Found:
    project = get_project(connection, request.path_params["project"], caller, permission)
    return _find_in_project(connection, project.project_id)


def _peek_project(connection: Connection, request: Request) -> Found | None:
    project = find_project(connection, request.path_params["project"])
    return _find_in_project(connection, project.project_id) if project else None


def _find_in_project(connection: Connection, project_id: str) -> Found:
    in_force = [find_project_policy(connection, project_id)]
    return Found(resources.project(project_id), f"projects/{project_id}", in_force)


def _get_account(connection: Connection, request: Request, caller: Principal, permission: str) -> Found:
    return _find_account(connection, account_access.find_account(connection, request, caller, permission))


def _peek_account(connection: Connection, request: Request) -> Found | None:
    account = service_accounts.find(connection, request.path_params["account"])
    if account is None or request.path_params["project"] not in ("-", account.project_id):
        return None
    return _find_account(connection, account)


def _find_account(connection: Connection, account: service_accounts.ServiceAccount) -> Found:
    in_force = account_access.find_policies(connection, account)
    return Found(account_access.describe(account), account_access.format_name(account), in_force)


def _get_repository(connection: Connection, request: Request, caller: Principal, permission: str) -> Found:
    artifact_access.get_repository(connection, request, caller, permission)
    return _peek_repository(connection, request)


def _peek_repository(connection: Connection, request: Request) -> Found:
    name, location, repository_id = (
        request.path_params[part] for part in ("project", "location", "repository")
    )
    project = find_project(connection, name)
    resource = resources.repository(project.project_id if project else name, location, repository_id)
    in_force = artifact_access.find_policies(connection, resource.project_id, resource.name)
    return Found(resource, resource.name, in_force)


def _get_bucket(connection: Connection, request: Request, caller: Principal, permission: str) -> Found:
    storage_access.get_bucket(connection, request.path_params["bucket"], caller, permission)
    return _peek_bucket(connection, request)


def _peek_bucket(connection: Connection, request: Request) -> Found:
    bucket = storage_access.get_any_bucket(connection, request.path_params["bucket"])
    resource = resources.bucket(bucket.name, bucket.project_id)
    return Found(resource, f"buckets/{bucket.name}", storage_access.find_policies(connection, bucket))


PROJECTS = ResourcePolicies(roles.PROJECT, "resourcemanager.projects", _get_project, _peek_project)
ACCOUNTS = ResourcePolicies(roles.SERVICE_ACCOUNT, "iam.serviceAccounts", _get_account, _peek_account)
REPOSITORIES = ResourcePolicies(
    roles.REPOSITORY, "artifactregistry.repositories", _get_repository, _peek_repository
)
BUCKETS = _BucketPolicies(roles.BUCKET, "storage.buckets", _get_bucket, _peek_bucket)
