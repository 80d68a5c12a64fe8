"""getIamPolicy, setIamPolicy and testIamPermissions of projects, service accounts, repositories and buckets.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/setIamPolicy
https://cloud.google.com/storage/docs/json_api/v1/buckets/setIamPolicy
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.datastructures import QueryParams

from docker_credential_gcr.emulator.identity import resource as resources
from docker_credential_gcr.emulator.identity import roles
from docker_credential_gcr.emulator.identity.policy import Policy, format_policy
from docker_credential_gcr.emulator.records import policies, service_accounts
from docker_credential_gcr.emulator.records.errors import Changed

from . import account_access, artifact_access, storage_access
from .access import find_project, find_project_policy, get_project, list_allowed
from .calls import Call, find_caller_or_anonymous
from .errors import ConditionNotMet
from .iam_policies import (
    check_bindings,
    parse_options,
    parse_permissions,
    parse_requested_version,
    parse_update,
)
from .messages import VALUE, List, Message
from .methods import Answer, method, reads
from .request_messages import GET_POLICY, SET_POLICY


class Found(NamedTuple):
    """A resource, the name that its policy is filed under, and the policies in force: its own is the last."""

    resource: resources.Resource
    name: str
    in_force: list[Policy]


Get = Callable[[Connection, Call, str], Found]
Peek = Callable[[Connection, Call], Found | None]
_VERSION = "options.requestedPolicyVersion"
_PERMISSIONS: Message = {"permissions": List(VALUE)}


@dataclass(eq=False)
class ResourcePolicies:
    """The three methods of one kind of resource.

    `get` returns the resource of the call if the caller has the permission, `peek` unchecked or None.
    `parameters` are those of get_policy's query.
    """

    kind: str
    permissions: str
    get: Get
    peek: Peek
    parameters: tuple[str, ...] = (_VERSION,)

    def __post_init__(self) -> None:
        """Makes the endpoints."""
        self.get_policy = reads(*self.parameters, body=GET_POLICY)(self._get_policy)
        self.set_policy = method(body=SET_POLICY)(self._set_policy)
        self.test_permissions = reads(body=_PERMISSIONS)(self._test_permissions)

    def _get_policy(self, connection: Connection, call: Call) -> Answer:
        """Returns the resource's IAM policy."""
        asked = self.find_version(call.query)
        version = parse_options(call.body) if asked is None else parse_requested_version(asked)
        found = self.get(connection, call, f"{self.permissions}.getIamPolicy")
        return self.format(found, found.in_force[-1], version)

    async def _set_policy(self, call: Call) -> Answer:
        """Replaces the resource's IAM policy, unless it has changed since the caller read it."""
        policy, etag = parse_update(call.body.get("policy") if call.request.method == "POST" else call.body)

        def work(connection: Connection) -> dict[str, Any]:
            found = self.get(connection, call, f"{self.permissions}.setIamPolicy")
            check_bindings(connection, policy, self.kind, found.name)
            self.save(connection, found, policy, etag)
            return self.format(found, policy, 3)

        return await call.services.database.write(work)

    def _test_permissions(self, connection: Connection, call: Call) -> Answer:
        """Returns those of the permissions that the caller has; none on a resource that does not exist."""
        is_post = call.request.method == "POST"
        permissions = parse_permissions(
            call.body.get("permissions") if is_post else call.query.getlist("permissions")
        )
        found = self.peek(connection, call)
        allowed = (
            list_allowed(connection, call.caller, permissions, found.in_force, found.resource)
            if found
            else []
        )
        return self.format_permissions(allowed)

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

    def __post_init__(self) -> None:
        self.get_policy = reads(body=None, identify=find_caller_or_anonymous)(self._get_policy)
        self.set_policy = method(body=None)(self._set_policy)
        self.test_permissions = reads(body=None, identify=find_caller_or_anonymous)(self._test_permissions)

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


def _get_project(connection: Connection, call: Call, permission: str) -> Found:
    project = get_project(connection, call, permission)
    return _find_in_project(connection, project.project_id)


def _peek_project(connection: Connection, call: Call) -> Found | None:
    project = find_project(connection, call.path["project"])
    return _find_in_project(connection, project.project_id) if project else None


def _find_in_project(connection: Connection, project_id: str) -> Found:
    in_force = [find_project_policy(connection, project_id)]
    return Found(resources.project(project_id), f"projects/{project_id}", in_force)


def _get_account(connection: Connection, call: Call, permission: str) -> Found:
    return _find_account(connection, account_access.find_account(connection, call, permission))


def _peek_account(connection: Connection, call: Call) -> Found | None:
    account = service_accounts.find(connection, call.path["account"])
    if account is None or call.path["project"] not in ("-", account.project_id):
        return None
    return _find_account(connection, account)


def _find_account(connection: Connection, account: service_accounts.ServiceAccount) -> Found:
    in_force = account_access.find_policies(connection, account)
    return Found(account_access.describe(account), account_access.format_name(account), in_force)


def _get_repository(connection: Connection, call: Call, permission: str) -> Found:
    artifact_access.get_repository(connection, call, permission)
    return _peek_repository(connection, call)


def _peek_repository(connection: Connection, call: Call) -> Found:
    name, location, repository_id = (call.path[part] for part in ("project", "location", "repository"))
    project = find_project(connection, name)
    resource = resources.repository(project.project_id if project else name, location, repository_id)
    in_force = artifact_access.find_policies(connection, resource.project_id, resource.name)
    return Found(resource, resource.name, in_force)


def _get_bucket(connection: Connection, call: Call, permission: str) -> Found:
    storage_access.get_bucket(connection, call, permission)
    return _peek_bucket(connection, call)


def _peek_bucket(connection: Connection, call: Call) -> Found:
    bucket = storage_access.get_any_bucket(connection, call.path["bucket"])
    resource = resources.bucket(bucket.name, bucket.project_id)
    return Found(resource, f"buckets/{bucket.name}", storage_access.find_policies(connection, bucket))


PROJECTS = ResourcePolicies(roles.PROJECT, "resourcemanager.projects", _get_project, _peek_project, ())
ACCOUNTS = ResourcePolicies(roles.SERVICE_ACCOUNT, "iam.serviceAccounts", _get_account, _peek_account)
REPOSITORIES = ResourcePolicies(
    roles.REPOSITORY, "artifactregistry.repositories", _get_repository, _peek_repository
)
BUCKETS = _BucketPolicies(roles.BUCKET, "storage.buckets", _get_bucket, _peek_bucket)
