"""IAM policies of resources: getIamPolicy, setIamPolicy, testIamPermissions.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/setIamPolicy
https://cloud.google.com/storage/docs/json_api/v1/buckets/setIamPolicy
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.datastructures import QueryParams

from docker_credential_gcr.emulator.database.errors import Changed
from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.identity import roles
from docker_credential_gcr.emulator.identity.policy import Policy, format_policy
from docker_credential_gcr.emulator.identity.resource import (
    Resource,
    describe_bucket,
    describe_project,
    describe_repository,
)

from .artifact_registry.authorization import find_repository_policies, get_repository
from .authorization import find_project, find_project_policy, get_project, list_allowed_permissions
from .iam.authorization import (
    describe_account,
    find_account_in_path,
    find_account_policies,
    format_account_name,
    get_account,
)
from .policy_requests import (
    check_bindings,
    parse_options,
    parse_permissions,
    parse_requested_version,
    parse_update,
)
from .project_resources import ProjectCollection
from .pubsub import authorization as pubsub
from .rest.calls import Call, get_caller_or_anonymous
from .rest.errors import ConditionNotMet
from .rest.message_schema import VALUE, List, Message
from .rest.methods import Result, method, reads
from .rest.request_messages import GET_POLICY, SET_POLICY
from .secret_manager import authorization as secret_manager
from .storage.authorization import find_bucket_policies, get_bucket, get_existing_bucket


class PolicyTarget(NamedTuple):
    """A resource, the key of its policy in the database, and the policies in force: its own is the last."""

    resource: Resource
    name: str
    in_force: list[Policy]


Authorize = Callable[[Connection, Call, str], object]
Find = Callable[[Connection, Call], PolicyTarget | None]
_VERSION = "options.requestedPolicyVersion"
_PERMISSIONS: Message = {"permissions": List(VALUE)}


@dataclass(eq=False)
class PolicyMethods:
    """The three policy methods of one kind of resource.

    `authorize` raises unless the caller has the permission on the call's resource; `find` returns the
    resource. `parameters` are the query parameters of get_policy.
    """

    kind: str
    permissions: str
    authorize: Authorize
    find: Find
    parameters: tuple[str, ...] = (_VERSION,)

    def __post_init__(self) -> None:
        """Creates the endpoints."""
        self.get_policy = reads(*self.parameters, body=GET_POLICY)(self._get_policy)
        self.set_policy = method(body=SET_POLICY)(self._set_policy)
        self.test_permissions = reads(body=_PERMISSIONS)(self._test_permissions)

    def _get_policy(self, connection: Connection, call: Call) -> Result:
        """Returns the resource's IAM policy."""
        requested = self.find_version(call.query)
        version = parse_options(call.body) if requested is None else parse_requested_version(requested)
        found = self._get(connection, call, "getIamPolicy")
        return self.format(found, found.in_force[-1], version)

    async def _set_policy(self, call: Call) -> Result:
        """Replaces the resource's IAM policy, unless it has changed since the caller read it."""
        policy, etag = parse_update(call.body.get("policy") if call.request.method == "POST" else call.body)

        def work(connection: Connection) -> dict[str, Any]:
            found = self._get(connection, call, "setIamPolicy")
            check_bindings(connection, policy, self.kind, found.name)
            self.save(connection, found, policy, etag)
            return self.format(found, policy, 3)

        return await call.services.database.write(work)

    def _test_permissions(self, connection: Connection, call: Call) -> Result:
        """Returns which permissions the caller has; none on a resource that does not exist."""
        is_post = call.request.method == "POST"
        permissions = parse_permissions(
            call.body.get("permissions") if is_post else call.query.getlist("permissions")
        )
        found = self.find(connection, call)
        allowed = (
            list_allowed_permissions(connection, call.caller, permissions, found.in_force, found.resource)
            if found
            else []
        )
        return self.format_permissions(allowed)

    def _get(self, connection: Connection, call: Call, verb: str) -> PolicyTarget:
        self.authorize(connection, call, f"{self.permissions}.{verb}")
        found = self.find(connection, call)
        assert found is not None  # noqa: S101 - `authorize` raises if the resource does not exist
        return found

    def find_version(self, query: QueryParams) -> str | None:
        """Returns the policy version that the query asks for."""
        return query.get(_VERSION)

    def save(self, connection: Connection, found: PolicyTarget, policy: Policy, etag: str | None) -> None:
        """Replaces the resource's policy. Raises Changed if `etag` is not that of the present policy."""
        policies.save(connection, found.name, policy, etag=etag, default=found.in_force[-1])

    def format(self, _found: PolicyTarget, policy: Policy, version: int) -> dict[str, Any]:
        """Returns the policy as JSON."""
        return format_policy(policy, version)

    def format_permissions(self, allowed: list[str]) -> dict[str, Any]:
        """Returns the permissions as JSON."""
        return {"permissions": allowed} if allowed else {}


class _BucketPolicyMethods(PolicyMethods):
    """Cloud Storage's policy methods: anonymous callers may call two of them, and the JSON has a `kind`."""

    def __post_init__(self) -> None:
        self.get_policy = reads(body=None, identify=get_caller_or_anonymous)(self._get_policy)
        self.set_policy = method(body=None)(self._set_policy)
        self.test_permissions = reads(body=None, identify=get_caller_or_anonymous)(self._test_permissions)

    def find_version(self, query: QueryParams) -> str | None:
        return query.get("optionsRequestedPolicyVersion")

    def save(self, connection: Connection, found: PolicyTarget, policy: Policy, etag: str | None) -> None:
        try:
            super().save(connection, found, policy, etag)
        except Changed as error:
            raise ConditionNotMet from error

    def format(self, found: PolicyTarget, policy: Policy, version: int) -> dict[str, Any]:
        document = {"kind": "storage#policy", "resourceId": found.resource.name}
        # Google's samples append to `bindings`, so it is present even when it is empty.
        return {**document, "bindings": [], **super().format(found, policy, version)}

    def format_permissions(self, allowed: list[str]) -> dict[str, Any]:
        return {"kind": "storage#testIamPermissionsResponse", **super().format_permissions(allowed)}


def _find_project_target(connection: Connection, call: Call) -> PolicyTarget | None:
    project = find_project(connection, call.path["project"])
    if project is None:
        return None
    name, in_force = project.project_id, [find_project_policy(connection, project.project_id)]
    return PolicyTarget(describe_project(name), f"projects/{name}", in_force)


def _find_account_target(connection: Connection, call: Call) -> PolicyTarget | None:
    account = find_account_in_path(connection, call)
    if account is None:
        return None
    in_force = find_account_policies(connection, account)
    return PolicyTarget(describe_account(account), format_account_name(account), in_force)


def _find_repository_target(connection: Connection, call: Call) -> PolicyTarget:
    name, location, repository_id = (call.path[part] for part in ("project", "location", "repository"))
    project = find_project(connection, name)
    resource = describe_repository(project.project_id if project else name, location, repository_id)
    in_force = find_repository_policies(connection, resource.project_id, resource.name)
    return PolicyTarget(resource, resource.name, in_force)


def _locate(collection: ProjectCollection[Any], kind: str) -> Find:
    return lambda connection, call: PolicyTarget(
        *collection.locate(connection, call.path["project"], call.path[kind])
    )


def _find_bucket_target(connection: Connection, call: Call) -> PolicyTarget:
    bucket = get_existing_bucket(connection, call.path["bucket"])
    resource = describe_bucket(bucket.name, bucket.project_id)
    return PolicyTarget(resource, f"buckets/{bucket.name}", find_bucket_policies(connection, bucket))


PROJECTS = PolicyMethods(roles.PROJECT, "resourcemanager.projects", get_project, _find_project_target, ())
ACCOUNTS = PolicyMethods(roles.SERVICE_ACCOUNT, "iam.serviceAccounts", get_account, _find_account_target)
REPOSITORIES = PolicyMethods(
    roles.REPOSITORY, "artifactregistry.repositories", get_repository, _find_repository_target
)
TOPICS = PolicyMethods(roles.TOPIC, "pubsub.topics", pubsub.get_topic, _locate(pubsub.TOPICS, "topic"))
SUBSCRIPTIONS = PolicyMethods(
    roles.SUBSCRIPTION,
    "pubsub.subscriptions",
    pubsub.get_subscription,
    _locate(pubsub.SUBSCRIPTIONS, "subscription"),
)
SECRETS = PolicyMethods(
    roles.SECRET,
    "secretmanager.secrets",
    secret_manager.get_secret,
    _locate(secret_manager.SECRETS, "secret"),
)
BUCKETS = _BucketPolicyMethods(roles.BUCKET, "storage.buckets", get_bucket, _find_bucket_target)
