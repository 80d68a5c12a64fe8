"""IAM policy requests: parses and checks the bodies of setIamPolicy, getIamPolicy, testIamPermissions.

https://cloud.google.com/iam/docs/reference/rest/v1/Policy
"""

import re
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import service_accounts, workload_identity
from docker_credential_gcr.emulator.database.projects import policies, projects
from docker_credential_gcr.emulator.identity.federation.principals import (
    find_kubernetes_project,
    find_pool,
    is_nameable,
)
from docker_credential_gcr.emulator.identity.policy import Policy, parse_policy
from docker_credential_gcr.emulator.identity.resource_names import find_project_id
from docker_credential_gcr.emulator.identity.roles import is_grantable

from .rest.errors import InvalidArgument

_PERMISSION = re.compile(r"[a-z]\w*(?:\.\w+){2,3}", re.ASCII)
_MAX_PERMISSIONS = 100
# https://cloud.google.com/iam/docs/service-agents
_SERVICE_AGENT = re.compile(r"service-[0-9]+@")
_VERSIONS = ("0", "1", "3")


def parse_update(document: object) -> tuple[Policy, str | None]:
    """Returns the policy in a setIamPolicy request, and the etag of the policy that it replaces.

    Raises InvalidPolicy, InvalidArgument.
    """
    policy = parse_policy(document)
    etag = document.get("etag") if isinstance(document, dict) else None
    if etag is not None and not isinstance(etag, str):
        raise InvalidArgument("the etag of a policy must be a string")
    return policy, etag or None


def parse_requested_version(value: object) -> int:
    """Returns the newest policy version that the caller understands; 1 by default. Raises InvalidArgument."""
    text = "1" if value is None else str(value)
    if text not in _VERSIONS:
        raise InvalidArgument("requestedPolicyVersion must be 0, 1 or 3")
    return max(int(text), 1)


def parse_options(body: dict[str, Any]) -> int:
    """Returns the requested policy version in the body of getIamPolicy. Raises InvalidArgument."""
    options = body.get("options", {})
    if not isinstance(options, dict):
        raise InvalidArgument("options must be an object")
    return parse_requested_version(options.get("requestedPolicyVersion"))


def parse_permissions(values: object) -> list[str]:
    """Returns the permissions that testIamPermissions asks about. Raises InvalidArgument."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidArgument("permissions must be a list of strings")
    if not values or len(values) > _MAX_PERMISSIONS:
        raise InvalidArgument(f"permissions must hold 1 to {_MAX_PERMISSIONS} names")
    for value in values:
        if not _PERMISSION.fullmatch(value):
            raise InvalidArgument(f"Permission {value[:100]} is not valid for this resource.")
    return values


def check_bindings(connection: Connection, policy: Policy, kind: str, resource: str) -> None:
    """Raises InvalidArgument for a role that cannot be granted on that kind of resource, or a wrong member.

    A member that the resource's policy already has is accepted, even if its pool was deleted since: a client
    reads a policy, changes one binding, and sends all of them.
    """
    present = {
        member for binding in policies.find(connection, resource).bindings for member in binding.members
    }
    for binding in policy.bindings:
        if "_withcond_" in binding.role:
            raise InvalidArgument(
                f"Role {binding.role} is a placeholder for a conditional role: read the policy with a "
                "requestedPolicyVersion of 3 before you change it."
            )
        if not is_grantable(binding.role, kind):
            raise InvalidArgument(f"Role {binding.role} is not supported for this resource.")
        for member in binding.members:
            if not is_nameable(member):
                raise InvalidArgument(f"member {member!r} must not hold control characters.")
            if member not in present:
                _check_member(connection, member)


def _check_member(connection: Connection, member: str) -> None:
    """Raises InvalidArgument for an account, or a member of a pool, that does not exist.

    Google's own service agents always exist.
    """
    pool = _find_missing_pool(connection, member)
    if pool is not None:
        raise InvalidArgument(
            f"Identity Pool does not exist ({pool}). Please check that you specified a valid resource name "
            "as returned in the `name` attribute in the configuration API."
        )
    kind, _, email = member.partition(":")
    project_id = find_project_id(email) if kind == "serviceAccount" else None
    if project_id is None or service_accounts.find(connection, email) is not None:
        return
    if not _SERVICE_AGENT.match(email) or projects.find(connection, project_id) is not None:
        raise InvalidArgument(f"Service account {email} does not exist.")


def _find_missing_pool(connection: Connection, member: str) -> str | None:
    """Returns the pool of a member if that pool does not exist.

    Every project has GKE's pool: which clusters it has is not known here.
    """
    project_id, pool = find_kubernetes_project(member), find_pool(member)
    if project_id is not None:
        return None if projects.find(connection, project_id) else f"{project_id}.svc.id.goog"
    if pool is None:
        return None
    _, number, *_, pool_id = pool.split("/")
    return pool if workload_identity.find(connection, number, pool_id) is None else None
